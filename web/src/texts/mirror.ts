import type { Age } from "../mirror/logic";
import { texts } from "../texts";

/** What stands on the wall. */
export const words = texts(
  "mirror",
  {
    wallOf: (done: number, total: number) => `${done} of ${total}`,
    wallMore: (n: number) => `and ${n} more`,
    wallAllDone: "All done for today",
    wallNothing: "Nothing is due today. Enjoy the quiet.",
    wallPair: "Approve this mirror",
    wallPairHow: "Open Kairos Hub on your phone, then Devices.",
    wallSetup: "This hub is new. Open it on your phone to begin.",
    wallWaiting: "Looking for the hub…",
    wallNotAllowed: "This mirror only shows.",
    wallOut: "Back to the app",
    wallAge: (age: NonNullable<Age>) =>
      age.unit === "minutes" ? `as of ${age.n} min ago` : age.unit === "hours" ? `as of ${age.n} h ago` : `as of ${age.n} days ago`,
  },
  {
    wallOf: (done, total) => `${done} von ${total}`,
    wallMore: (n) => `und ${n} weitere`,
    wallAllDone: "Alles erledigt für heute",
    wallNothing: "Heute steht nichts an. Genieße die Ruhe.",
    wallPair: "Gib diesen Spiegel frei",
    wallPairHow: "Öffne Kairos Hub auf deinem Telefon, dann Geräte.",
    wallSetup: "Dieser Hub ist neu. Öffne ihn auf deinem Telefon.",
    wallWaiting: "Suche den Hub …",
    wallNotAllowed: "Dieser Spiegel zeigt nur an.",
    wallOut: "Zurück zur App",
    wallAge: (age) =>
      age.unit === "minutes" ? `Stand vor ${age.n} min` : age.unit === "hours" ? `Stand vor ${age.n} h` : `Stand vor ${age.n} Tagen`,
  },
);

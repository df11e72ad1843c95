import { texts } from "../texts";

export const words = texts(
  "watch",
  {
    title: "Next",
    of: (done: number, total: number) => `${done} of ${total}`,
    all: "All done for today",
    none: "Nothing is due today",
    done: "done",
    undoOf: (name: string) => `Undo: ${name}`,
    toToday: "Open the whole day",
    more: (n: number) => `and ${n} more`,
  },
  {
    title: "Als Nächstes",
    of: (done: number, total: number) => `${done} von ${total}`,
    all: "Alles erledigt für heute",
    none: "Heute steht nichts an",
    done: "erledigt",
    undoOf: (name: string) => `Rückgängig: ${name}`,
    toToday: "Den ganzen Tag öffnen",
    more: (n: number) => `und ${n} weitere`,
  },
);

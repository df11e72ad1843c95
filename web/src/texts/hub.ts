import { texts } from "../texts";

/** What pages say that are asked of the hub itself. */
export const hub = texts(
  "hub",
  {
    needed: "This page needs your hub.",
    neededMore: "It cannot be reached right now. The page comes back by itself as soon as it can.",
    back: "Back",
    delete: "Delete",
    remove: "Remove",
    minutes: (n: number) => `${n} min`,
  },
  {
    needed: "Diese Seite braucht deinen Hub.",
    neededMore: "Er ist gerade nicht erreichbar. Die Seite kommt von selbst wieder, sobald es geht.",
    back: "Zurück",
    delete: "Löschen",
    remove: "Entfernen",
    minutes: (n: number) => `${n} min`,
  },
);

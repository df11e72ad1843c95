import { texts } from "../texts";

/** How this device stands with its hub, in the words of every page. */
export const words = texts(
  "sync",
  {
    synced: "Synced",
    syncing: "Syncing…",
    pending: (n: number) => `${n} pending`,
    offline: "Offline",
    error: "Sync error",
    off: "Not synced",
    updateReady: "A new version is ready.",
    reload: "Reload",
  },
  {
    synced: "Synchron",
    syncing: "Gleiche ab …",
    pending: (n: number) => `${n} ausstehend`,
    offline: "Offline",
    error: "Abgleich gestört",
    off: "Nicht synchronisiert",
    updateReady: "Eine neue Version ist bereit.",
    reload: "Neu laden",
  },
);

/** The pages of the app by the first word of their hash; the words after it are the page's own (`#/habits/<id>`). */

/** Under which tab a page stands. */
export type Tab = "today" | "habits" | "routines" | "more";

export interface Page {
  tag: string;
  tab: Tab;
  /** Brings the page's code. What most people open each day is there from the start. */
  load: () => Promise<unknown>;
}

/** A page element is told the words after its own. */
export interface PageElement extends HTMLElement {
  words?: string[];
}

const loaded = () => Promise.resolve();

export const pages: Record<string, Page> = {
  today: { tag: "kairos-today", tab: "today", load: loaded },
  habits: { tag: "kairos-habits", tab: "habits", load: () => import("./habits") },
  devices: { tag: "kairos-devices", tab: "more", load: () => import("./devices") },
  account: { tag: "kairos-account", tab: "more", load: () => import("./account") },
  routines: { tag: "kairos-routines", tab: "routines", load: () => import("./routines") },
  transfer: { tag: "kairos-transfer", tab: "more", load: () => import("./transfer") },
  tokens: { tag: "kairos-tokens", tab: "more", load: () => import("./admin/tokens") },
  admin: { tag: "kairos-admin", tab: "more", load: () => import("./admin/admin") },
  server: { tag: "kairos-server", tab: "more", load: () => import("./server/server") },
  watch: { tag: "kairos-watch", tab: "today", load: () => import("./watch") },
  more: { tag: "kairos-more", tab: "more", load: () => import("./more") },
};

export interface Place {
  page: Page;
  words: string[];
}

/** Paths under which the hub gives the same page, and where they lead. */
const PATHS: Record<string, string> = { "/admin": "#/admin", "/watch": "#/watch" };
/** A screen as narrow as this is worn on a wrist. */
const WRIST = "(max-width: 260px)";

/** Where an address leads: by its hash, else by its path, else by the screen that asks. */
export function here(at: Pick<Location, "hash" | "pathname">, is: (media: string) => boolean): Place {
  return place(at.hash || PATHS[at.pathname] || (is(WRIST) ? "#/watch" : ""));
}

/** Where a hash leads; today, when it leads nowhere. */
export function place(hash: string): Place {
  const [name = "", ...words] = hash.replace(/^#\/?/, "").split("/").map(decode);
  const page = Object.hasOwn(pages, name) ? pages[name] : undefined;
  return page ? { page, words } : { page: pages["today"] as Page, words: [] };
}

function decode(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

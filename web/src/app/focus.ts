/** Where the focus goes when what had it goes away: a keyboard and a screen reader must never stand at nothing. */

const openers = new WeakMap<Element, Element | null>();
let awaited: MutationObserver | undefined;

/**
 * Opens a dialog, once: what draws it also draws it while it closes. What had the focus gets it back, and where that is gone,
 * what is `near`.
 */
export function openDialog(dialog: HTMLDialogElement, near: () => (Element | null)[]): void {
  if (openers.has(dialog) || !dialog.isConnected) return;
  const opener = document.activeElement;
  openers.set(dialog, opener);
  dialog.showModal();
  // What is drawn in its place is there a moment later.
  dialog.addEventListener("close", () => setTimeout(() => lost() && giveBack([opener, ...near()])));
}

/** What has the focus, or had: a dialog goes, and what it was opened by stays. */
export function origin(of = document.activeElement): Element | null {
  const dialog = of?.closest("dialog");
  return dialog ? (openers.get(dialog) ?? null) : of;
}

/** Whether nothing has the focus. */
export function lost(): boolean {
  return !document.activeElement || document.activeElement === document.body;
}

/** Gives the focus to the first of these that takes it; else to the heading of the page. */
export function giveBack(to: (Element | null | undefined)[]): void {
  for (const one of [...to, document.querySelector("#content h1"), document.querySelector("#content")]) {
    if (one?.isConnected && lost()) take(one as HTMLElement);
  }
}

function take(element: HTMLElement): void {
  const text = /^H\d$/.test(element.tagName);
  if (text) element.tabIndex = -1;
  // A heading says where one is; what one sees stays where it is.
  element.focus({ preventScroll: text });
}

/** A page is read from its heading on, and while that is on its way, from its beginning. */
export function arrive(content: HTMLElement): void {
  awaited?.disconnect();
  if (!content.querySelector("[data-focus]:focus")) content.focus({ preventScroll: true });
  const look = () => {
    const heading = content.querySelector("h1");
    if (heading && document.activeElement === content) take(heading);
    if (heading || document.activeElement !== content) awaited?.disconnect();
  };
  awaited = new MutationObserver(look);
  awaited.observe(content, { childList: true, subtree: true });
  look();
}

/**
 * For a list whose choice is taken at once: an arrow opens it instead of taking the next, so that one can look before one
 * chooses.
 */
export function lookFirst(event: KeyboardEvent): void {
  const list = event.target as HTMLSelectElement;
  if (!/^Arrow(Up|Down)$/.test(event.key) || !CSS.supports("selector(:open)") || list.matches(":open")) return;
  event.preventDefault();
  list.showPicker();
}

/** What has the focus stays in sight where something new has pushed it down. */
export function keepInSight(within: Element): void {
  const { activeElement } = document;
  if (activeElement && within.contains(activeElement)) activeElement.scrollIntoView({ block: "nearest" });
}

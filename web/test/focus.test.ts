import { beforeEach, afterEach, expect, it, vi } from "vitest";
import { arrive, giveBack, lost, openDialog, origin } from "../src/app/focus";

/** As much of a document as the focus needs. */
class Part extends EventTarget {
  isConnected = true;
  tabIndex: number | undefined;
  constructor(readonly tagName: string, readonly inside: Part | null = null, private readonly takes = true) {
    super();
  }
  focus(): void {
    if (this.takes || this.tabIndex === -1) page.activeElement = this;
  }
  closest(): Part | null {
    return this.inside;
  }
  showModal(): void {
    new Part("BUTTON", this).focus();
  }
  /** The heading, once it is there. */
  querySelector(what: string): Part | null {
    return what === "h1" ? page.heading : null;
  }
}

const body = new Part("BODY");
const page = { body, activeElement: body, heading: null as Part | null, content: new Part("MAIN"), querySelector: (what: string) => (what.endsWith("h1") ? page.heading : page.content) };
/** What waits for a change of the page. */
let changed: () => void = () => {};

const element = (part: Part) => part as unknown as HTMLElement;

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(page, { activeElement: body, heading: null, content: new Part("MAIN") });
  vi.stubGlobal("document", page);
  vi.stubGlobal("MutationObserver", class {
    constructor(look: () => void) {
      changed = look;
    }
    observe(): void {}
    disconnect(): void {
      changed = () => {};
    }
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("gives the focus to the first that is there and takes it", () => {
  const [gone, asleep, there] = [new Part("BUTTON"), new Part("BUTTON", null, false), new Part("BUTTON")];
  gone.isConnected = false;
  giveBack([null, element(gone), element(asleep), element(there)]);
  expect(page.activeElement).toBe(there);
});

it("gives it to the heading where nothing else is left, and to nobody where something has it", () => {
  page.heading = new Part("H1", null, false);
  giveBack([]);
  expect(page.activeElement).toBe(page.heading);
  giveBack([element(new Part("BUTTON"))]);
  expect(page.activeElement).toBe(page.heading);
});

it("knows what a dialog was opened by, and gives the focus back to it or to what is near", () => {
  const [opener, near, dialog] = [new Part("BUTTON"), new Part("BUTTON"), new Part("DIALOG")];
  opener.focus();
  openDialog(dialog as unknown as HTMLDialogElement, () => [element(near)]);
  expect(origin()).toBe(opener);
  const inside = page.activeElement;
  // Drawn again while it closes, it stays closed.
  openDialog(dialog as unknown as HTMLDialogElement, () => []);
  expect(page.activeElement).toBe(inside);
  opener.isConnected = false;
  page.activeElement = body;
  dialog.dispatchEvent(new Event("close"));
  vi.runAllTimers();
  expect(page.activeElement).toBe(near);
});

it("reads a page from its heading on, also when that comes later, unless the person went on", () => {
  arrive(element(page.content));
  expect(page.activeElement).toBe(page.content);
  page.heading = new Part("H1", null, false);
  changed();
  expect(page.activeElement).toBe(page.heading);
  const button = new Part("BUTTON");
  arrive(element(page.content));
  page.heading = null;
  arrive(element(page.content));
  button.focus();
  page.heading = new Part("H1", null, false);
  changed();
  expect(page.activeElement).toBe(button);
  expect(lost()).toBe(false);
});

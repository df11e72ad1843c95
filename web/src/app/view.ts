import { LitElement, type PropertyValues } from "lit";
import { errorText, session, toastError } from "../session";
import { giveBack, lost, openDialog, origin } from "./focus";

const focused = new WeakSet<HTMLElement>();

/** An element in the page's own DOM: labels, ids and focus work as in plain HTML, and one style sheet serves all. */
export abstract class View extends LitElement {
  /** A deed is on its way; buttons wait for it. */
  protected working = false;
  /** What was said against the last one, where the page has a place for it. */
  protected problem = "";
  private leave: (() => void)[] = [];
  /** What had the focus before the last update. */
  private had: Element | null = null;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override update(changed: PropertyValues): void {
    const { activeElement } = document;
    this.had = this.contains(activeElement) ? activeElement : null;
    super.update(changed);
  }

  /**
   * Opens dialogs, and puts the cursor into the field marked `data-focus` when it first appears, and never again while someone
   * types. Where what had the focus has gone with this update, something near gets it.
   */
  protected override updated(): void {
    for (const dialog of this.querySelectorAll("dialog")) openDialog(dialog, () => this.refuge());
    const wanted = this.querySelector<HTMLElement>("[data-focus]");
    if (wanted && !focused.has(wanted)) {
      focused.add(wanted);
      wanted.focus();
    }
    if (this.had && lost()) giveBack([this.had, origin(this.had), ...(this.had.tagName === "H1" ? [] : this.refuge())]);
  }

  /** What gets the focus when what had it is gone. */
  protected refuge(): (Element | null)[] {
    return [".add", "h1", "h2"].map((near) => this.querySelector(near));
  }

  /** Changes plain fields and renders once afterwards. */
  protected paint(change: () => void): void {
    change();
    this.requestUpdate();
  }

  /** Follows an event for as long as the element is in the page. */
  protected follow(target: EventTarget, type: string, heard: (event: Event) => void): void {
    target.addEventListener(type, heard);
    this.leave.push(() => target.removeEventListener(type, heard));
  }

  /** Does something again and again for as long as the element is in the page. */
  protected every(ms: number, job: () => void): void {
    const timer = setInterval(job, ms);
    this.leave.push(() => clearInterval(timer));
  }

  /** Does something when the hub, or the network at all, is there again. */
  protected whenBack(job: () => void): void {
    this.follow(window, "online", job);
    let there = session.reachable;
    this.follow(session, "state", () => {
      const was = there;
      there = session.reachable;
      if (there && !was) job();
    });
  }

  /** Does one thing at a time; what is said against it stands in `problem`, or in a toast. */
  protected async work(job: () => Promise<unknown>, say: "toast" | "here" = "toast"): Promise<boolean> {
    if (this.working) return false;
    this.paint(() => {
      this.working = true;
      this.problem = "";
    });
    try {
      await job();
      return true;
    } catch (error) {
      if (say === "toast") toastError(error);
      else this.problem = errorText(error);
      return false;
    } finally {
      this.paint(() => (this.working = false));
    }
  }

  /** Does what a form asks for. */
  protected submit(event: SubmitEvent, job: (form: HTMLFormElement) => Promise<unknown>): Promise<boolean> {
    event.preventDefault();
    return this.work(() => job(event.target as HTMLFormElement), "here");
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.leave.splice(0)) end();
  }
}

/** The text of a form's field. */
export function field(form: HTMLFormElement, name: string): string {
  const value = new FormData(form).get(name);
  return typeof value === "string" ? value.trim() : "";
}

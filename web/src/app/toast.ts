import { html, nothing, type TemplateResult } from "lit";
import { t } from "../i18n";
import { session, type Toast } from "../session";
import { origin } from "./focus";
import { View } from "./view";

/** How long an undo is offered. */
const SHOWN_MS = 5_000;

/** One line at the foot of the page, read aloud politely, with an undo where there is one. */
export class KairosToast extends View {
  private toast: Toast | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private count = 0;
  /** What was used for what the line tells of: it gets the focus when the line and its button are gone. */
  private from: Element | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(window, "kairos-toast", (event) => this.open((event as CustomEvent<Toast>).detail));
    // What somebody did is told to nobody else, nor can anybody else take it back.
    this.follow(session, "state", () => session.me || this.toast?.stays || this.shut());
    this.follow(window, "keydown", (event) => this.key(event as KeyboardEvent));
  }

  /** The line is short-lived and at the end of the page: too far for a keyboard, but for the keys that mean just this. */
  private key(event: KeyboardEvent): void {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || !this.toast?.undo || this.toast.label) return;
    if ((event.target as Element).matches("input, textarea, dialog *")) return;
    event.preventDefault();
    this.undo();
  }

  private open(toast: Toast): void {
    if (!this.contains(document.activeElement)) this.from = origin();
    this.paint(() => {
      this.toast = toast;
      this.count += 1;
    });
    if (toast.stays) clearTimeout(this.timer);
    else this.wait();
  }

  /** The five seconds do not run while a person is about to press the button. */
  private wait(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.querySelector(".toast:hover, .toast:focus-within")) this.wait();
      else this.shut();
    }, SHOWN_MS);
  }

  private shut(): void {
    clearTimeout(this.timer);
    this.paint(() => (this.toast = null));
  }

  protected override refuge(): (Element | null)[] {
    return [this.from];
  }

  private undo(): void {
    const undo = this.toast?.undo;
    this.shut();
    undo?.();
  }

  protected override render(): TemplateResult {
    const toast = this.toast;
    return html`<div class="toasts" aria-live="polite" aria-atomic="true">
      ${toast
        ? html`<div class="toast ${this.count % 2 ? "odd" : "even"}">
            <span>${toast.text}</span>
            ${toast.undo ? html`<button class="toast-undo" aria-keyshortcuts=${toast.label ? nothing : "Control+Z"} @click=${this.undo}>${toast.label ?? t.undo}</button>` : nothing}
          </div>`
        : nothing}
    </div>`;
  }
}

customElements.define("kairos-toast", KairosToast);

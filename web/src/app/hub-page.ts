import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { ApiError } from "../api";
import { t } from "../i18n";
import { mark } from "../icons";
import { back } from "../icons-pages";
import { session, toastError } from "../session";
import { hub } from "../texts/hub";
import "./hub-page.css";
import { View } from "./view";

/** The way to the page above. */
export function wayBack(up: string): TemplateResult {
  return html`<a class="way-back" href=${up}>${back()}<span>${hub.back}</span></a>`;
}

/** A page that is asked of the hub itself: it loads when it opens and when the hub is back, and says plainly while it is away. */
export abstract class HubPage extends View {
  /** The words after the page's own in the hash. */
  static override properties: PropertyDeclarations = { words: { attribute: false } };
  declare words: string[];
  /** The hub did not answer the last time. */
  protected away = false;
  /** What the hub said against it the last time: said once, however often the page looks. */
  private said = "";
  private loading: Promise<void> | null = null;
  private again = false;
  private wasLive = true;

  constructor() {
    super();
    this.words = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session, "state", () => {
      const live = session.reachable;
      if (live && !this.wasLive) void this.refresh();
      this.wasLive = live;
    });
    void this.refresh();
  }

  /** Asks the hub for what the page shows. */
  protected abstract load(): Promise<void>;

  /** Loads anew; asked again while it loads, it loads once more and not twice. */
  protected refresh(): Promise<void> {
    if (this.loading) {
      this.again = true;
      return this.loading;
    }
    this.loading = this.look().finally(() => {
      this.loading = null;
      if (!this.again) return;
      this.again = false;
      if (this.isConnected) void this.refresh();
    });
    return this.loading;
  }

  private async look(): Promise<void> {
    try {
      await this.load();
      this.away = false;
      this.said = "";
    } catch (error) {
      this.away = error instanceof ApiError && error.status === 0;
      if (!this.away && this.said !== String(error)) toastError(error);
      this.said = String(error);
    }
    this.requestUpdate();
  }

  /** What stands there before the page knows anything. */
  protected renderWaiting(): TemplateResult {
    return this.away
      ? html`<div class="empty" role="status" data-testid="needs-hub">${mark("mark mark-large breathing")}<h2>${hub.needed}</h2><p>${hub.neededMore}</p></div>`
      : html`<p class="lead" role="status">${t.loading}</p>`;
  }

  /** What stands there beside what the page knew when the hub went away. */
  protected renderAway(): TemplateResult | typeof nothing {
    return this.away ? html`<p class="hint" role="status" data-testid="hub-away">${hub.needed} ${hub.neededMore}</p>` : nothing;
  }

  protected renderHead(title: string, eyebrow = "", up = ""): TemplateResult {
    return html`<header class="day"><div>
      ${up ? wayBack(up) : nothing}
      ${eyebrow ? html`<p class="eyebrow">${eyebrow}</p>` : nothing}<h1>${title}</h1></div></header>`;
  }

  /** A question before something that cannot be taken back by a tap. */
  protected renderAsk(ask: { title: string; text: TemplateResult | string; yes: string; hook: string }, yes: () => void, no: () => void): TemplateResult {
    return html`<dialog aria-labelledby="ask-title" @close=${no}>
      <h2 id="ask-title">${ask.title}</h2>
      <div class="lead">${ask.text}</div>
      <div class="pair">
        <form method="dialog"><button class="quiet wide" autofocus>${t.cancel}</button></form>
        <button class="primary wide" data-testid=${ask.hook} @click=${yes}>${ask.yes}</button>
      </div>
    </dialog>`;
  }
}

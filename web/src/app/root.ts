import { html, nothing, type TemplateResult } from "lit";
import { ApiError } from "../api";
import { lang, t } from "../i18n";
import { button, mark, sun } from "../icons";
import { api, session, toastError } from "../session";
import { View } from "./view";
import "./devices";
import "./gate";
import "./toast";
import "./today";

type Stage = "loading" | "offline" | "setup" | "first" | "login" | "in";

const RETRY_MS = 3_000;

/** Decides what a person sees: the first run, the sign-in, or the two pages. */
export class KairosApp extends View {
  private stage: Stage = "loading";

  override connectedCallback(): void {
    super.connectedCallback();
    document.documentElement.lang = lang;
    this.follow(window, "hashchange", () => this.turn());
    this.follow(window, "kairos-signed-out", () => {
      session.stop();
      this.go("login");
    });
    this.follow(window, "online", () => session.live.nudge());
    this.follow(document, "visibilitychange", () => document.hidden || session.live.nudge());
    this.follow(session, "state", () => this.requestUpdate());
    void this.begin();
  }

  private go(stage: Stage): void {
    this.paint(() => (this.stage = stage));
  }

  private turn(): void {
    this.requestUpdate();
    scrollTo(0, 0);
    // A page turned by its tab is read from its top, by eye and by screen reader.
    void this.updateComplete.then(() => this.querySelector<HTMLElement>("#content")?.focus({ preventScroll: true }));
  }

  private async begin(): Promise<void> {
    try {
      const { needed } = await api.bare<{ needed: boolean }>("GET", "/api/setup");
      if (needed) return this.go("setup");
      if (await api.refresh()) await this.enter();
      else this.go("login");
    } catch (error) {
      this.stay(error);
    }
  }

  private async enter(first = false): Promise<void> {
    try {
      await session.start();
      this.go(first ? "first" : "in");
    } catch (error) {
      this.stay(error);
    }
  }

  /** A hub that answers no is asked for a sign-in; one that does not answer is asked again. */
  private stay(error: unknown): void {
    if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
      toastError(error);
      this.go("login");
    } else {
      this.go("offline");
      setTimeout(() => void this.begin(), RETRY_MS);
    }
  }

  private get page(): "today" | "devices" {
    if (location.hash === "") return location.pathname === "/admin" ? "devices" : "today";
    return location.hash.startsWith("#/devices") ? "devices" : "today";
  }

  protected override render(): TemplateResult {
    return html`${this.renderStage()}<kairos-toast></kairos-toast>`;
  }

  private renderStage(): TemplateResult {
    switch (this.stage) {
      case "loading":
        return html`<main class="gate"><p class="hello">${mark("mark mark-large")}</p></main>`;
      case "offline":
        return html`<main class="gate center">${mark("mark mark-large breathing")}<p role="status" class="lead">${t.offline}</p></main>`;
      case "setup":
        return html`<kairos-setup @done=${() => this.enter(true)}></kairos-setup>`;
      case "first":
        return html`<kairos-first-habit .name=${session.me?.display_name ?? ""} @done=${() => this.go("in")}></kairos-first-habit>`;
      case "login":
        return html`<kairos-login @done=${() => this.enter()}></kairos-login>`;
      case "in":
        return this.renderIn();
    }
  }

  private renderIn(): TemplateResult {
    const page = this.page;
    const away = session.live.state === "waiting";
    return html`<a class="skip-link" href="#content" @click=${this.toContent}>${t.skipLink}</a>
      <div class="shell">
        <nav class="tabs" aria-label="Kairos Hub">
          <a href="#/today" aria-current=${page === "today" ? "page" : "false"}>${sun()}<span>${t.today}</span></a>
          <a href="#/devices" aria-current=${page === "devices" ? "page" : "false"}>${button()}<span>${t.devices}</span></a>
        </nav>
        <main id="content" tabindex="-1" class="page">
          <p class="away" role="status">${away ? html`<span class="away-dot"></span>${t.reconnecting}` : nothing}</p>
          ${page === "today" ? html`<kairos-today></kairos-today>` : html`<kairos-devices></kairos-devices>`}
        </main>
      </div>`;
  }

  /** The hash is our router, so the skip link moves the focus itself. */
  private toContent(event: Event): void {
    event.preventDefault();
    document.querySelector<HTMLElement>("#content")?.focus();
  }
}

customElements.define("kairos-app", KairosApp);

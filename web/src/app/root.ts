import { html, nothing, type TemplateResult } from "lit";
import { ApiError } from "../api";
import { lang, t } from "../i18n";
import { leaf, mark, more, steps, sun } from "../icons";
import { onSigns, Patience } from "../patience";
import { api, session, toastError } from "../session";
import { words as habits } from "../texts/habits";
import { words } from "../texts/more";
import { forgottenElsewhere } from "../sync/able";
import { arrive } from "./focus";
import { here, type Page, type PageElement, pages, type Place, type Tab } from "./pages";
import { startShell } from "./shell";
import { badge } from "./sync-badge";
import { View } from "./view";
import "./toast";
import "./today";

type Stage = "trust" | "loading" | "offline" | "setup" | "first" | "login" | "in";

/** What is shown by the door, which comes when somebody stands before it: most who open the page are signed in. */
const DOOR: Stage[] = ["setup", "first", "login"];

/** Decides what a person sees: the first run, the sign-in, or the two pages. */
export class KairosApp extends View {
  private stage: Stage = "loading";
  /** Pages whose code is here. */
  private readonly loaded = new Set<Page>([pages["today"] as Page]);
  private shown: PageElement | null = null;
  /** The door's code is here. */
  private door = false;
  /** How many changes wait for a person whose session has ended; null where they left, or were not here. */
  private waiting: number | null = null;
  private readonly patience = new Patience(() => void this.begin());

  override connectedCallback(): void {
    super.connectedCallback();
    document.documentElement.lang = lang;
    // How a device comes to trust the hub is for everybody, before anybody has signed in.
    if (location.pathname === "/trust") {
      void import("./trust").then(() => this.go("trust"));
      return;
    }
    this.follow(window, "hashchange", () => this.turn());
    this.follow(window, "kairos-signed-out", () => this.signedOut());
    this.follow(window, "storage", (event) => forgottenElsewhere(event as StorageEvent) && this.signedOut(true));
    onSigns(() => {
      this.patience.nudge();
      session.nudge();
    });
    this.follow(session, "state", () => this.requestUpdate());
    void this.begin();
    void startShell();
  }

  /**
   * Where it is not the person who ends it, here or in another tab, they are told so, and that what waits here is not lost. Who
   * comes next begins with their own day, not with the page of the person before.
   */
  private signedOut(left = !session.me): void {
    this.waiting = left ? null : (session.sync?.waiting ?? 0);
    void session.stop();
    if (this.stage === "in") history.replaceState(null, "", "#/today");
    this.go("login");
  }

  private go(stage: Stage): void {
    // Who has just signed in begins to read; a page that opens is read from its top by itself.
    if (stage === "in" && this.stage !== "loading") this.turn();
    this.paint(() => {
      this.stage = stage;
      if (stage !== "in") this.shown = null;
    });
    if (DOOR.includes(stage) && !this.door) void this.bringDoor(stage);
  }

  /** Without the hub, and where no page is kept, it cannot come: neither could anybody sign in. */
  private async bringDoor(stage: Stage): Promise<void> {
    try {
      await import("./gate");
      this.paint(() => (this.door = true));
    } catch (error) {
      if (this.stage === stage) this.stay(error);
    }
  }

  /** A page that is turned is read from its top, by eye and by screen reader. */
  private turn(): void {
    this.requestUpdate();
    scrollTo(0, 0);
    // The page before is gone only when all has been drawn.
    setTimeout(() => {
      const content = this.querySelector<HTMLElement>("#content");
      if (content) arrive(content);
    });
  }

  private async begin(): Promise<void> {
    if (await session.resume()) {
      this.go("in");
      return this.confirm();
    }
    try {
      await session.endLeft();
      const { needed } = await api.bare<{ needed: boolean }>("GET", "/api/setup");
      this.patience.reset();
      if (needed) return this.go("setup");
      if (await api.refresh()) await this.enter();
      else this.go("login");
    } catch (error) {
      this.stay(error);
    }
  }

  /** The page was opened from what is kept here; whether the person is still signed in, the hub says when it is there. */
  private async confirm(): Promise<void> {
    try {
      const good = await api.refresh();
      // They signed out meanwhile.
      if (!session.me) return;
      if (good) return await session.greet();
      await session.stop();
      await this.begin();
    } catch {
      // The hub is away. Syncing asks again, and hears it if nobody is signed in any more.
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
      this.patience.wait();
    }
  }

  /** The element of the page that the hash names; null while its code is on its way. */
  private content(): PageElement | null {
    const { page, words } = this.here;
    if (!this.loaded.has(page)) {
      void page.load().then(
        () => this.paint(() => this.loaded.add(page)),
        // The hub is away: the page is asked for again when it is back.
        (error: unknown) => toastError(error),
      );
      return null;
    }
    if (this.shown?.localName !== page.tag) this.shown = document.createElement(page.tag) as PageElement;
    this.shown.words = words;
    return this.shown;
  }

  private get here(): Place {
    return here(location, (media) => matchMedia(media).matches);
  }

  /** Where pages change, `arrive` says what is read. */
  protected override refuge(): [] {
    return [];
  }

  protected override render(): TemplateResult {
    return html`${this.renderStage()}<kairos-toast></kairos-toast>`;
  }

  private renderStage(): TemplateResult {
    switch (DOOR.includes(this.stage) && !this.door ? "loading" : this.stage) {
      case "trust":
        return html`<kairos-trust></kairos-trust>`;
      case "loading":
        return html`<main class="gate"><p class="hello">${mark("mark mark-large")}</p></main>`;
      case "offline":
        return html`<main class="gate center">${mark("mark mark-large breathing")}<p role="status" class="lead">${t.offline}</p></main>`;
      case "setup":
        return html`<kairos-setup @done=${() => this.enter(true)}></kairos-setup>`;
      case "first":
        return html`<kairos-first-habit .name=${session.me?.display_name ?? ""} @done=${() => this.go("in")}></kairos-first-habit>`;
      case "login":
        return html`<kairos-login .waiting=${this.waiting} @done=${() => this.enter()}></kairos-login>`;
      case "in":
        return this.renderIn();
    }
  }

  private renderIn(): TemplateResult {
    const away = !session.kept && session.live.state === "waiting";
    return html`<a class="skip-link" href="#content" @click=${this.toContent}>${t.skipLink}</a>
      <div class="shell">
        <nav class="tabs" aria-label="Kairos Hub">
          ${this.renderTab("today", sun(), t.today)} ${this.renderTab("habits", leaf(), habits.tab)}
          ${this.renderTab("routines", steps(), words.routines)} ${this.renderTab("more", more(), words.tab)}
        </nav>
        <main id="content" tabindex="-1" class="page">
          ${session.kept
            ? html`<a class="sync-line" href="#/account">${badge(session.state)}</a>`
            : html`<p class="away" role="status">${away ? html`<span class="away-dot"></span>${t.reconnecting}` : nothing}</p>`}
          ${this.content() ?? html`<p class="lead" role="status">${t.loading}</p>`}
        </main>
      </div>`;
  }

  private renderTab(tab: Tab, icon: TemplateResult, name: string): TemplateResult {
    return html`<a href="#/${tab}" aria-current=${this.here.page.tab === tab ? "page" : "false"}>${icon}<span>${name}</span></a>`;
  }

  /** The hash is our router, so the skip link moves the focus itself. */
  private toContent(event: Event): void {
    event.preventDefault();
    document.querySelector<HTMLElement>("#content")?.focus();
  }
}

customElements.define("kairos-app", KairosApp);

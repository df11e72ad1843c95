import { html, nothing, type TemplateResult } from "lit";
import { t } from "../i18n";
import { session, toastError } from "../session";
import { canSync } from "../sync/able";
import type { Pending } from "../sync/database";
import type { SyncState } from "../sync/state";
import { words } from "../texts/account";
import { words as leaving } from "../texts/leaving";
import { words as shared } from "../texts/sync";
import { changeText, dateText, kindOf, momentText } from "./account-words";
import "./account.css";
import "./account-conflicts";
import "./account-delete";
import "./account-leave";
import "./account-link";
import "./account-profile";
import "./account-server";
import { wayBack } from "./hub-page";
import { shellRefused, takeUpdate, updateReady } from "./shell";
import { badge } from "./sync-badge";
import { View } from "./view";

/** How many of the changes that wait are listed. */
const LISTED = 12;

interface Waiting extends Pending {
  name: string | null;
  date: string | null;
}

/** How this device stands with its hub, what is on its way, what to look at; who one is, what one likes to see, and the end. */
export class KairosAccount extends View {
  static override properties = { words: { attribute: false } };
  declare words: string[];
  private waiting: Waiting[] = [];
  private looking = false;
  private leaving = false;

  constructor() {
    super();
    this.words = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session, "state", () => void this.load());
    this.follow(window, "kairos-update", () => this.requestUpdate());
    void this.load();
  }

  /** `#/account/sign-out` comes with the question. */
  protected override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has("words") && this.words[0] === "sign-out") this.leaving = true;
  }

  private stay(): void {
    this.paint(() => (this.leaving = false));
    if (this.words[0] === "sign-out") history.replaceState(null, "", "#/account");
  }

  private async load(): Promise<void> {
    const { sync } = session;
    const pending = (await sync?.pending()) ?? [];
    const listed = pending.slice(0, LISTED).map(async (entry): Promise<Waiting> => {
      const of = await sync?.nameOf(entry.table, entry.row, { ...entry.old, ...entry.data });
      return { ...entry, name: of?.name ?? null, date: of?.date ?? null };
    });
    const waiting = await Promise.all(listed);
    this.paint(() => (this.waiting = waiting));
  }

  private async syncNow(): Promise<void> {
    if (this.looking) return;
    this.paint(() => (this.looking = true));
    try {
      await session.sync?.again();
    } catch (error) {
      toastError(error);
    } finally {
      this.paint(() => (this.looking = false));
    }
  }

  protected override render(): TemplateResult {
    return this.words[0] === "delete" ? html`<kairos-account-delete></kairos-account-delete>` : this.renderAccount();
  }

  private renderAccount(): TemplateResult {
    return html`<header class="day"><div>${wayBack("#/more")}<p class="eyebrow">${session.me?.email ?? ""}</p><h1>${words.title}</h1></div></header>
      ${updateReady()
        ? html`<section class="card account-part"><p>${shared.updateReady}</p><button class="primary wide" @click=${takeUpdate}>${shared.reload}</button></section>`
        : nothing}
      ${this.renderState()} ${session.sync ? this.renderWaiting() : nothing}
      <kairos-server-line></kairos-server-line>
      <kairos-conflicts></kairos-conflicts>
      <kairos-profile></kairos-profile>
      <kairos-account-link></kairos-account-link>
      <button class="quiet wide" data-testid="account-sign-out" @click=${() => this.paint(() => (this.leaving = true))}>${t.signOut}</button>
      <a class="quiet wide account-end" data-testid="account-delete" href="#/account/delete">${leaving.way}</a>
      ${this.leaving ? html`<kairos-leave @close=${this.stay}></kairos-leave>` : nothing}`;
  }

  private renderState(): TemplateResult {
    const { sync, state } = session;
    return html`<section class="card account-part" aria-label=${words.stateLabel}>
      <div class="account-state">${badge(state)}${sync ? html`<span class="hint">${state.last ? words.last(momentText(state.last)) : words.never}</span>` : nothing}</div>
      ${sync
        ? html`<p data-testid="sync-detail">${detail(state)}</p>
            ${shellRefused() ? html`<p>${words.untrusted} <a href="/trust">${words.untrustedHow}</a></p>` : nothing}
            <button class="quiet" data-testid="sync-now" aria-disabled=${this.looking} @click=${this.syncNow}>${this.looking ? words.looking : words.syncNow}</button>`
        : canSync()
          ? html`<p>${words.opening}</p>`
          : this.renderNowhere()}
    </section>`;
  }

  /** A page that cannot keep anything says so plainly, and where to go. */
  private renderNowhere(): TemplateResult {
    if (isSecureContext) return html`<p>${words.incapable}</p>`;
    return html`<h2>${words.insecureTitle}</h2>
      <p>${words.insecure}</p>
      <ul class="plain">${words.insecureList.map((line) => html`<li>${line}</li>`)}</ul>
      <a class="primary wide" href="/trust" data-testid="account-trust">${words.trust}</a>`;
  }

  private renderWaiting(): TemplateResult {
    const more = (session.sync?.waiting ?? 0) - this.waiting.length;
    return html`<section class="account-part" aria-labelledby="waiting-title">
      <h2 id="waiting-title">${words.pendingTitle}</h2>
      ${this.waiting.length === 0
        ? html`<p class="lead">${words.pendingNone}</p>`
        : html`<ul class="entries" data-testid="pending-list">${this.waiting.map((entry) => this.renderEntry(entry))}</ul>
            ${more > 0 ? html`<p class="lead">${words.pendingMore(more)}</p>` : nothing}`}
    </section>`;
  }

  private renderEntry(entry: Waiting): TemplateResult {
    const line = [changeText(entry), entry.table === "completions" ? dateText(entry.date) : ""].filter(Boolean).join(" · ");
    return html`<li data-testid="pending-item"><span class="name">${entry.name ?? kindOf(entry.table)}</span><span class="line">${line}</span></li>`;
  }
}

/** A sentence about the state. */
function detail(state: SyncState): string {
  switch (state.trouble) {
    case "away":
      return words.away;
    case "sign-in":
      return words.signInAgain;
    case "unavailable":
      return words.unavailable;
    case "not-found":
      return words.notFound;
    case null:
      return { synced: words.synced, pending: words.pendingHere, syncing: words.syncing, offline: words.away, error: words.unavailable, off: words.opening }[state.word];
  }
}

customElements.define("kairos-account", KairosAccount);

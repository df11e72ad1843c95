import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../../i18n";
import { mark, plus } from "../../icons";
import { box, download, warn } from "../../icons-pages";
import { api, toast, toastError } from "../../session";
import { words } from "../../texts/admin";
import type { Backup, List } from "../../types";
import { moment, size } from "../format";
import { HubPage } from "../hub-page";
import { saveFile } from "../save-file";

const LOOK_MS = 5_000;
/** The hub answers after four minutes at the latest, with a copy or with the word that it goes on. */
const MAKE_MS = 300_000;
const ASK_MS = 1_500;
/** A hub that still answers after this long did not restore. */
const PATIENCE_MS = 120_000;

/** Copies of the database: made now, taken along, and gone back to. */
export class KairosBackups extends HubPage {
  private backups: Backup[] | null = null;
  private making = false;
  private fetching = "";
  private asks: Backup | null = null;
  private sure = false;
  private restoring = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  /** The hub looks whether they are whole when somebody asks for the list, and knows a little later. */
  protected override async load(): Promise<void> {
    const before = this.backups?.length ?? 0;
    this.backups = (await api.get<List<Backup>>("/api/backups")).items;
    if (this.backups.length > before) this.making = false;
    clearTimeout(this.timer);
    const waits = this.making || this.backups.some((backup) => backup.verified === null);
    if (this.isConnected && waits) this.timer = setTimeout(() => void this.refresh(), LOOK_MS);
  }

  private async make(): Promise<void> {
    if (this.making) return;
    await this.work(async () => {
      const answer = await api.post<Backup | { status: string }>("/api/backups", {}, MAKE_MS);
      this.making = "status" in answer;
      toast(this.making ? words.backupGoesOn : words.backupMade);
    });
    await this.refresh();
  }

  private async fetch(backup: Backup): Promise<void> {
    if (this.fetching) return;
    this.paint(() => (this.fetching = backup.name));
    try {
      saveFile(await api.download(`/api/backups/${encodeURIComponent(backup.name)}/download`), backup.name);
    } catch (error) {
      toastError(error);
    } finally {
      this.paint(() => (this.fetching = ""));
    }
  }

  private async restore(backup: Backup): Promise<void> {
    this.asks = null;
    const began = await this.work(async () => void (await api.post(`/api/backups/${encodeURIComponent(backup.name)}/restore`)));
    if (!began) return;
    this.paint(() => (this.restoring = true));
    await this.waitForHub();
    this.paint(() => (this.restoring = false));
  }

  /** No session outlives a restore: when ours is refused, the hub is back, and the sign-in comes by itself. */
  private async waitForHub(): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    while (Date.now() < end && this.isConnected) {
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
      // Without an answer the hub is on its way.
      if ((await api.refresh().catch(() => true)) === false) return;
    }
    if (this.isConnected) toast(words.restoreSlow);
  }

  protected override render(): TemplateResult {
    const head = this.renderHead(words.backups, "", "#/admin");
    if (this.restoring) {
      return html`<section class="waiting-hub" role="status" data-testid="restoring">${mark("mark mark-large breathing")}<h1>${words.restoring}</h1><p class="lead">${words.restoringLead}</p></section>`;
    }
    if (!this.backups) return html`${head}${this.renderWaiting()}`;
    const busy = this.working || this.making;
    return html`${head}
      <p class="hint page-lead" role="status">${busy ? words.backupMaking : this.fetching ? words.downloading : words.backupsLead}</p>
      <button class="add first" data-testid="backup-now" aria-disabled=${busy} @click=${this.make}>${plus()}<span>${words.backupNow}</span></button>
      <ul class="list backups">${repeat(this.backups, (backup) => backup.name, (backup) => this.renderBackup(backup))}</ul>
      ${this.asks ? this.renderRestore(this.asks) : nothing}`;
  }

  private renderBackup(backup: Backup): TemplateResult {
    const when = moment(backup.at);
    const state = backup.verified === null ? words.unseen : backup.verified ? words.whole : words.changed;
    const harmed = backup.verified === false;
    return html`<li class="row" data-testid="backup" data-verified=${String(backup.verified)}>
      <span class="row-icon ${harmed ? "is-warn" : ""}">${harmed ? warn() : box()}</span>
      <span class="words"><span class="name">${when}</span><span class="line">${size(backup.bytes)} · <span class=${harmed ? "is-warn" : ""}>${state}</span></span></span>
      <button class="round" data-testid="backup-download" aria-disabled=${this.fetching !== ""} title=${words.download} aria-label=${words.downloadOf(when)} @click=${() => this.fetch(backup)}>${download()}</button>
      <button class="quiet" data-testid="backup-restore" ?disabled=${harmed} aria-disabled=${this.working} aria-label=${words.restoreOf(when)} @click=${() => this.paint(() => {
        this.asks = backup;
        this.sure = false;
      })}>${words.restore}</button>
    </li>`;
  }

  private renderRestore(backup: Backup): TemplateResult {
    const no = () => this.paint(() => (this.asks = null));
    return html`<dialog aria-labelledby="restore-title" @close=${no}>
      <h2 id="restore-title">${words.restoreAsk(moment(backup.at))}</h2>
      <div class="lead">
        <ul>${words.restoreWhat.map((line) => html`<li>${line}</li>`)}</ul>
        <p>${words.restoreKept}</p>
      </div>
      <label class="tick"><input type="checkbox" data-testid="restore-sure" .checked=${this.sure} @change=${(event: Event) => this.paint(() => (this.sure = (event.target as HTMLInputElement).checked))} /><span>${words.restoreSure}</span></label>
      <div class="pair">
        <form method="dialog"><button class="quiet wide" autofocus>${t.cancel}</button></form>
        <button class="primary wide" data-testid="restore-yes" ?disabled=${!this.sure} aria-disabled=${this.working} @click=${() => this.restore(backup)}>${words.restore}</button>
      </div>
    </dialog>`;
  }
}

customElements.define("kairos-backups", KairosBackups);

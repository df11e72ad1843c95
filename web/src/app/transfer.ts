import { html, nothing, svg, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../i18n";
import { check, rest } from "../icons";
import { download, file as fileIcon, warn } from "../icons-pages";
import { api, session, toast, toastError } from "../session";
import { inWords } from "../texts/errors";
import { words } from "../texts/transfer";
import type { Import, List, Outlook } from "../types";
import { count, day, moment, size } from "./format";
import { HubPage } from "./hub-page";
import { saveFile } from "./save-file";
import "./transfer.css";

const LOOK_MS = 700;
/** Imports that are seen at once; the others fold away. */
const SHOWN = 3;

type Format = "json" | "csv" | "loop";
const ENDINGS: Record<Format, string> = { json: ".json", csv: ".csv", loop: "-loop.zip" };

/** Files in and files out. What comes in is looked at first, and can be taken back as a whole. */
export class KairosTransfer extends HubPage {
  private imports: Import[] | null = null;
  /** Those on their way, in or out. */
  private readonly going = new Set<string>();
  private file: File | null = null;
  private outlook: Outlook | null = null;
  private reading = false;
  private hovering = false;
  private saving: Format | null = null;
  private asks: Import | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  /** While something is on its way the page looks again; it may have been begun on another screen. */
  protected override async load(): Promise<void> {
    const { items } = await api.get<List<Import>>("/api/imports");
    this.imports = await Promise.all(items.map((one) => this.closer(one)));
    clearTimeout(this.timer);
    if (this.isConnected && this.going.size > 0) this.timer = setTimeout(() => void this.refresh(), LOOK_MS);
  }

  /** How far one is stands only where it is asked for by itself; the list knows of an undo a little later. */
  private async closer(one: Import): Promise<Import> {
    if (!one.id || (one.state !== "running" && !this.going.has(one.id))) return one;
    const now = await api.get<Import>(`/api/imports/${one.id}`);
    if (now.state === "running") this.going.add(one.id);
    else this.going.delete(one.id);
    return { ...one, ...now };
  }

  private async preview(file: File | undefined): Promise<void> {
    if (!file || this.reading) return;
    this.paint(() => {
      this.file = file;
      this.outlook = null;
      this.problem = "";
      this.reading = true;
    });
    await this.work(async () => {
      const answer = await api.upload<Import>(address(file, true), file);
      this.outlook = answer.outlook ?? null;
    }, "here");
    this.paint(() => {
      this.reading = false;
      if (!this.outlook) this.file = null;
    });
  }

  private async take(): Promise<void> {
    const file = this.file;
    if (!file) return;
    const began = await this.work(async () => void (await api.upload<Import>(address(file, false), file)), "here");
    if (!began) return;
    toast(words.began);
    this.clear();
    await this.refresh();
  }

  private clear(): void {
    this.paint(() => {
      this.file = null;
      this.outlook = null;
    });
  }

  private async undo(one: Import): Promise<void> {
    this.asks = null;
    await this.work(async () => {
      await api.delete(`/api/imports/${one.id}`);
      if (one.id) this.going.add(one.id);
    });
    await this.refresh();
  }

  private async save(format: Format): Promise<void> {
    if (this.saving) return;
    this.paint(() => (this.saving = format));
    try {
      const name = `kairos-${session.model.today?.date ?? new Date().toISOString().slice(0, 10)}${ENDINGS[format]}`;
      saveFile(await api.download(`/api/export?format=${format}`), name);
      toast(words.saved(name));
    } catch (error) {
      toastError(error);
    } finally {
      this.paint(() => (this.saving = null));
    }
  }

  private drag(event: DragEvent, over: boolean): void {
    event.preventDefault();
    if (over !== this.hovering) this.paint(() => (this.hovering = over));
  }

  private dropped(event: DragEvent): void {
    this.drag(event, false);
    void this.preview(event.dataTransfer?.files[0]);
  }

  private chosen(event: Event): void {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    // So that the same file can be chosen again.
    input.value = "";
    void this.preview(file);
  }

  protected override render(): TemplateResult {
    const head = this.renderHead(words.title, words.lead, "#/more");
    if (!this.imports) return html`${head}${this.renderWaiting()}`;
    return html`${head}
      <section class="part first" aria-label=${words.importTitle}>
        <h2>${words.importTitle}</h2>
        ${this.outlook && this.file ? this.renderOutlook(this.outlook, this.file) : this.renderDrop()}
        <p class="problem" role="alert" data-testid="import-problem">${this.problem}</p>
      </section>
      ${this.imports.length > 0 ? this.renderImports(this.imports) : nothing}
      ${this.renderExport()}
      ${this.asks ? this.renderUndoAsk(this.asks) : nothing}`;
  }

  private renderDrop(): TemplateResult {
    return html`<p class="hint">${words.importLead}</p>
      <label class="drop ${this.hovering ? "is-over" : ""}" @dragover=${(e: DragEvent) => this.drag(e, true)} @dragleave=${(e: DragEvent) => this.drag(e, false)} @drop=${this.dropped}>
        <input class="off-screen" type="file" data-testid="import-file" ?disabled=${this.reading} @change=${this.chosen} />
        ${fileIcon()}
        ${this.reading
          ? html`<span role="status">${words.reading(this.file?.name ?? "")}</span>`
          : html`<span><b>${words.choose}</b><br />${words.drop}</span>`}
      </label>`;
  }

  private renderOutlook(outlook: Outlook, file: File): TemplateResult {
    const empty = outlook.habits === 0 && outlook.entries === 0;
    return html`<div class="card outlook" data-testid="import-outlook">
      <p class="eyebrow">${file.name} · ${size(file.size)}</p>
      <h3 tabindex="-1" data-focus>${words.from(outlook.source)}</h3>
      ${empty
        ? html`<p>${words.nothing}</p>`
        : html`<p class="outlook-sum"><b>${words.habits(outlook.habits, count(outlook.habits))}</b> <b>${words.days(outlook.entries, count(outlook.entries))}</b></p>
            ${outlook.first && outlook.last ? html`<p class="line">${words.span(day(outlook.first), day(outlook.last))}</p>` : nothing}
            ${outlook.skips > 0 ? html`<p class="line">${words.skips(outlook.skips, count(outlook.skips))}</p>` : nothing}`}
      ${outlook.unknowns > 0 ? html`<p class="line">${words.unknowns(outlook.unknowns, count(outlook.unknowns))}</p>` : nothing}
      ${outlook.remarks.length > 0
        ? html`<details class="remarks" ?open=${outlook.remarks.length < 4}><summary>${words.remarks} (${count(outlook.remarks.length + outlook.more_remarks)})</summary>
            <ul>${outlook.remarks.map((remark) => html`<li>${remark}</li>`)}
              ${outlook.more_remarks > 0 ? html`<li>${words.moreRemarks(outlook.more_remarks)}</li>` : nothing}</ul></details>`
        : nothing}
      <div class="pair">
        <button class="quiet" aria-disabled=${this.working} @click=${this.clear}>${t.cancel}</button>
        <button class="primary" data-testid="import-take" ?disabled=${empty} aria-disabled=${this.working} @click=${this.take}>${words.take}</button>
      </div>
    </div>`;
  }

  private renderImports(imports: Import[]): TemplateResult {
    return html`<section class="part" aria-label=${words.imports}>
      <h2>${words.imports}</h2>
      <ul class="list">${repeat(imports.slice(0, SHOWN), (one) => one.id, (one) => this.renderImport(one))}</ul>
      ${imports.length > SHOWN
        ? html`<details class="older"><summary>${words.older} (${imports.length - SHOWN})</summary>
            <ul class="list">${repeat(imports.slice(SHOWN), (one) => one.id, (one) => this.renderImport(one))}</ul></details>`
        : nothing}
    </section>`;
  }

  private renderImport(one: Import): TemplateResult {
    const icon = { running: fileIcon, done: check, unchanged: check, refused: warn, undone: rest, dry_run: fileIcon }[one.state];
    const name = one.source ?? words.aFile;
    const off = one.state === "undone" || one.state === "refused";
    return html`<li class="row import ${off ? "is-off" : ""}" data-testid="import" data-state=${one.state}>
      <span class="row-icon">${icon()}</span>
      <span class="words"><span class="name">${name}</span><span class="line">${this.stateText(one)}</span>
        ${one.at ? html`<span class="line">${moment(one.at)}</span>` : nothing}</span>
      ${one.state === "done" ? html`<button class="quiet" data-testid="import-undo" aria-disabled=${this.working} aria-label=${words.undoOf(name)} @click=${() => this.paint(() => (this.asks = one))}>${words.undo}</button>` : nothing}
      ${one.state === "running" && one.total > 0 ? this.renderProgress(one) : nothing}
    </li>`;
  }

  private stateText(one: Import): string {
    const what = `${words.habits(one.habits ?? 0, count(one.habits ?? 0))}, ${words.days(one.entries ?? 0, count(one.entries ?? 0))}`;
    switch (one.state) {
      case "running":
        return one.total > 0 ? `${words.running}: ${words.runningOf(count(one.done), count(one.total))}` : words.goingBack;
      case "done":
        return `${what} ${words.done}`;
      case "refused":
        return one.message ? inWords(one.message) : words.refused;
      case "undone":
        return words.undone;
      default:
        return words.unchanged;
    }
  }

  private renderProgress(one: Import): TemplateResult {
    const part = Math.min(100, (100 * one.done) / one.total);
    return html`<svg class="import-bar" viewBox="0 0 100 2" preserveAspectRatio="none" role="progressbar" aria-label=${words.running} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(part)}>
      <path class="bar-all" d="M0 1h100" />${svg`<path class="bar-part" d="M0 1h100" pathLength="100" stroke-dasharray="${part} 100" />`}
    </svg>`;
  }

  private renderExport(): TemplateResult {
    const ways: [Format, string, string][] = [["json", words.json, words.jsonLine], ["csv", words.csv, words.csvLine], ["loop", words.loop, words.loopLine]];
    return html`<section class="part" aria-label=${words.exportTitle}>
      <h2>${words.exportTitle}</h2>
      <p class="hint" role="status">${this.saving ? words.preparing : words.exportLead}</p>
      <ul class="list">${ways.map(([format, name, line]) => html`<li><button class="row export" data-testid="export-${format}" aria-disabled=${this.saving !== null} @click=${() => this.save(format)}>
        <span class="row-icon">${download()}</span><span class="words"><span class="name">${name}</span><span class="line">${line}</span></span></button></li>`)}</ul>
    </section>`;
  }

  private renderUndoAsk(one: Import): TemplateResult {
    return this.renderAsk({ title: words.undoAsk, text: words.undoLead, yes: words.undo, hook: "import-undo-yes" }, () => void this.undo(one), () => this.paint(() => (this.asks = null)));
  }
}

function address(file: File, dry: boolean): string {
  return `/api/imports?file_name=${encodeURIComponent(file.name)}${dry ? "&dry_run=true" : ""}`;
}

customElements.define("kairos-transfer", KairosTransfer);

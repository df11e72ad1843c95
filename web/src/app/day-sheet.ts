import { html, nothing, type TemplateResult } from "lit";
import { amount, locale, t } from "../i18n";
import { check, cross } from "../icons";
import type { DeedBody } from "../model";
import { api, session, toast, toastError } from "../session";
import { words } from "../texts/history";
import type { DayCell, DayEvent, Habit, HabitCommand, TodayItem } from "../types";
import { amountText, cellText, dateText, staysAway } from "./days";
import { act } from "./deeds";
import { dayOf } from "./history";
import { field, View } from "./view";
import "./day-sheet.css";

const PART = 50;

/** Everything that can be said about one habit on one day. Fires `closed`. */
export class KairosDaySheet extends View {
  static override properties = { habit: { attribute: false }, date: { attribute: false }, item: { attribute: false }, find: { attribute: false } };
  declare habit: Habit;
  declare date: string;
  /** The day's own view of it, where the opener has one: what is known before the hub has answered, or without it. */
  declare item: TodayItem | null;
  /** Looks for it on a day that the opener does not show. */
  declare find?: () => Promise<TodayItem | null>;
  /** What it found: a day is measured by what the habit asked for then. Undefined while that is not known. */
  private found: TodayItem | null | undefined;
  /** What stands on the day; undefined while that is not known. */
  private cell: DayCell | null | undefined;
  private events: DayEvent[] | null = null;
  private away = false;
  private share = PART;
  /** The note that stood there when somebody began to write; undefined while nobody does. */
  private seen: string | null | undefined;
  /** A finger that opened the sheet by a long press is lifted over its backdrop: only a press that began there closes. */
  private outside = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(window, "kairos-deed", () => void this.load());
    this.follow(session.model, "today", () => void this.load());
    this.follow(session, "state", () => this.requestUpdate());
    this.whenBack(() => void this.load());
    void this.load();
  }

  private async load(): Promise<void> {
    try {
      const [cell, found] = await dayOf(this.habit.id, this.date, async () => this.item ?? this.find?.());
      this.paint(() => {
        this.cell = cell;
        this.found = found;
        this.away = false;
      });
    } catch {
      this.paint(() => (this.away = true));
    }
    if (this.querySelector("details[open]")) await this.look();
  }

  private get measure(): { target: number | null; unit: string | null } {
    const then = this.item ?? this.found;
    return then ?? { target: then === null ? this.habit.target_value : null, unit: this.habit.unit };
  }

  /** All that happened on the day is asked for only when somebody unfolds it. */
  private async look(): Promise<void> {
    try {
      const { items } = await api.get<{ items: DayEvent[] }>(`/api/habits/${encodeURIComponent(this.habit.id)}/days/${this.date}/events`);
      this.paint(() => (this.events = items));
    } catch {
      this.paint(() => (this.away = true));
    }
  }

  /** What is said against it is said here: a toast lies under an open dialog. */
  private async settle(job: () => Promise<unknown>): Promise<void> {
    if (await this.work(job, "here")) this.querySelector("dialog")?.close();
  }

  private run(command: HabitCommand, deed: DeedBody, say: (after: TodayItem) => string): void {
    void this.settle(() => act({ habit_id: this.habit.id, date: this.date }, command, deed, say));
  }

  private amountSay = (after: TodayItem): string => t.didAdd(after.name, this.amountOf(after.value));

  private amountOf(value: number | null): string {
    return amountText(value, this.measure, staysAway(this.habit));
  }

  private get type(): DayCell["type"] {
    return this.cell === undefined ? (this.item?.type ?? null) : (this.cell?.type ?? null);
  }

  private get value(): number {
    return (this.cell === undefined ? this.item?.value : this.cell?.value) ?? 0;
  }

  /** Something a person said; what the hub noted by itself cannot be taken back. */
  private get said(): boolean {
    if (this.type === null) return false;
    return this.type !== "MISSED" || (this.habit.kind === "avoid" && this.cell?.source !== "engine");
  }

  /** Whether it is known what stands on the day. While it is not, nothing is said of it, and nothing offered that would write over it. */
  private get known(): boolean {
    return this.cell !== undefined || !!this.item;
  }

  private get isToday(): boolean {
    return session.model.today?.date === this.date;
  }

  /** Where the day stands, in one line. */
  private get line(): string {
    if (!this.known) return "";
    const known = this.cell ?? (this.item && this.cell === undefined ? { ...this.item, percent: null, skip_reason: null } : null);
    const said = cellText(known, this.habit, this.measure);
    if (said) return said;
    if (staysAway(this.habit)) return this.isToday ? words.keptSoFar : words.kept;
    return this.isToday ? words.open : words.nothing;
  }

  private get note(): string | null {
    return this.cell?.note ?? null;
  }

  private saveNote(event: SubmitEvent): void {
    event.preventDefault();
    const note = field(event.target as HTMLFormElement, "note");
    const was = this.seen === undefined ? this.note : this.seen;
    const of = { habit_id: this.habit.id, date: this.date };
    const told = () => dispatchEvent(new CustomEvent("kairos-deed"));
    void this.settle(async () => {
      await session.model.note(of, note, was);
      told();
      toast(note ? words.noteSaved : words.noteGone, () => {
        session.model.note(of, was ?? "", note || null).then(() => {
          told();
          toast(words.noteBack);
        }, toastError);
      });
    });
  }

  protected override render(): TemplateResult {
    const date = dateText(this.date, { weekday: "long", day: "numeric", month: "long" });
    return html`<dialog class="day-sheet" data-testid="day-sheet" aria-labelledby="day-sheet-title" @close=${() => this.dispatchEvent(new Event("closed"))}
        @pointerdown=${(event: Event) => (this.outside = event.target === event.currentTarget)}
        @click=${(event: Event) => this.outside && event.target === event.currentTarget && (event.target as HTMLDialogElement).close()}>
      <div class="day-sheet-body" aria-busy=${this.working ? "true" : "false"}>
        <form method="dialog" class="day-sheet-head">
          <div><p class="eyebrow">${this.isToday ? `${t.today}, ` : ""}${date}</p>
            <h2 id="day-sheet-title">${this.habit.name}</h2><p class="lead" data-testid="day-line">${this.line}</p></div>
          <button class="round faint" aria-label=${t.close}>${cross()}</button>
        </form>
        <p class="problem" role="alert">${this.problem}</p>
        ${this.known ? html`${this.renderDeeds()} ${this.renderRest()}` : nothing} ${this.renderNote()} ${this.renderEvents()}
      </div>
    </dialog>`;
  }

  private renderDeeds(): TemplateResult {
    const back = this.said
      ? html`<button class="quiet wide" data-testid="day-undo" aria-disabled=${this.working} @click=${() => this.run("undo", {}, (after) => t.didUndo(after.name))}>
          ${t.undo}</button>`
      : nothing;
    switch (this.habit.kind) {
      case "measurable":
        return html`${this.renderAmount()} ${this.said ? this.renderBack() : nothing}`;
      case "avoid":
        return html`<p class="hint">${words.keepLead}</p>
          ${this.type === null
            ? html`<button class="quiet soft wide" data-testid="day-lapse" aria-disabled=${this.working} @click=${() => this.run("lapse", {}, (after) => words.didHappen(after.name))}>${words.itHappened}</button>`
            : back}`;
      default:
        return html`${this.type === "FULL"
          ? nothing
          : html`<button class="primary wide" data-testid="day-full" aria-disabled=${this.working} @click=${() => this.run("complete", {}, (after) => t.didComplete(after.name))}>
              ${check()}<span>${t.done}</span></button>`}
          ${back} ${this.renderPart()}`;
    }
  }

  /** What was added last the hub knows; without it there is only a step to be taken back. */
  private renderBack(): TemplateResult {
    const less = session.kept && !session.reachable && this.type !== "SKIPPED" ? Math.min(this.value, this.habit.step ?? 1) : 0;
    const back = () => (less ? this.run("complete", { value: -less }, this.amountSay) : this.run("undo", session.kept ? { latest: true } : {}, this.amountSay));
    return html`<button class="quiet wide" data-testid="day-undo" aria-disabled=${this.working} @click=${back}>${less ? words.lessOf(amount(less)) : words.takeBackLast}</button>`;
  }

  private renderPart(): TemplateResult {
    const set = (event: Event) => this.paint(() => (this.share = Number((event.target as HTMLInputElement).value)));
    return html`<section class="day-sheet-part" aria-labelledby="day-part">
      <h3 id="day-part">${words.inPart}</h3>
      <div class="part-row">
        <input type="range" min="5" max="95" step="5" .value=${String(this.share)} aria-labelledby="day-part" aria-valuetext=${words.percent(this.share)} data-testid="day-percent" @input=${set} />
        <button class="chip" data-testid="day-part" aria-disabled=${this.working} @click=${() => this.run("complete", { percent: this.share }, (after) => t.didAdd(after.name, words.percent(this.share)))}>
          ${words.savePart(this.share)}</button>
      </div>
    </section>`;
  }

  private renderAmount(): TemplateResult {
    const { step } = this.habit;
    const { target, unit } = this.measure;
    const whole = target !== null && this.value < target && !staysAway(this.habit);
    const say = (key: "value" | "set") => (event: Event) => {
      const input = (event.target as HTMLElement).closest("form")?.querySelector("input");
      if (!input?.reportValidity()) return;
      const given = input.value === "" ? null : Number(input.value);
      if (given === null && key === "set") return input.focus();
      this.run("complete", key === "set" ? { set: given ?? 0 } : { value: given ?? step ?? 1 }, this.amountSay);
    };
    return html`${whole
        ? html`<button class="primary wide" data-testid="day-full" aria-disabled=${this.working} @click=${() => this.run("complete", { set: target }, this.amountSay)}>
            ${check()}<span>${words.allOfIt(unit ? `${amount(target)} ${unit}` : amount(target))}</span></button>`
        : nothing}
      <form class="amount-row" @submit=${(event: SubmitEvent) => { event.preventDefault(); say("value")(event); }}>
        <label class="field"><span>${words.howMuch}</span>
          <input data-testid="day-amount" name="amount" type="number" inputmode="decimal" min="0" max="1000000" step="any" placeholder=${amount(step ?? 1)} autocomplete="off" /></label>
        <button type="submit" class="chip" data-testid="day-add" aria-disabled=${this.working}>${words.addIt}</button>
        <button type="button" class="chip" data-testid="day-set" aria-disabled=${this.working} @click=${say("set")}>${words.setIt}</button>
      </form>`;
  }

  private renderRest(): TemplateResult | typeof nothing {
    if (this.type === "SKIPPED") return nothing;
    const skip = (reason?: string) => this.run("skip", reason ? { reason } : {}, (after) => (this.isToday ? t.didSkip(after.name) : `${after.name}: ${words.resting}`));
    return html`<section aria-labelledby="day-rest">
      <h3 id="day-rest">${words.rest}</h3>
      <p class="hint">${words.restLead}</p>
      <div class="ideas">
        <button class="chip" data-testid="day-skip" aria-disabled=${this.working} @click=${() => skip()}>${words.restPlain}</button>
        ${Object.entries(words.reasons).map(([reason, text]) => html`<button class="chip" data-reason=${reason} aria-disabled=${this.working} @click=${() => skip(reason)}>${text}</button>`)}
      </div>
    </section>`;
  }

  private renderNote(): TemplateResult {
    if (this.cell === undefined) return html`<p class="hint" role="status">${this.away ? words.needsHub : t.loading}</p>`;
    return html`<form @submit=${this.saveNote}>
      <label class="field"><span>${words.note}</span>
        <textarea data-testid="day-note" name="note" rows="2" maxlength="2000" .defaultValue=${this.note ?? ""} @input=${() => this.seen === undefined && (this.seen = this.note)}></textarea></label>
      <button class="quiet wide" data-testid="day-note-save" aria-disabled=${this.working}>${words.noteSave}</button>
    </form>`;
  }

  private renderEvents(): TemplateResult {
    return html`<details class="fold" @toggle=${(event: Event) => (event.target as HTMLDetailsElement).open && this.look()}>
      <summary>${words.happened}</summary>
      ${this.events === null
        ? html`<p class="hint" role="status">${this.away ? words.needsHub : t.loading}</p>`
        : this.events.length === 0
          ? html`<p class="hint">${words.nothingHappened}</p>`
          : html`<ol class="events" data-testid="day-events">${this.events.map((event) => this.renderEvent(event))}</ol>`}
    </details>`;
  }

  private renderEvent(event: DayEvent): TemplateResult {
    const undone = this.events?.some((other) => other.undo_of === event.id) ?? false;
    const value = event.value === null ? "" : ` ${event.verb === "partial" ? words.percent(event.value) : amount(event.value)}`;
    const reason = event.skip_reason ? `: ${words.reasons[event.skip_reason] ?? event.skip_reason}` : "";
    const source = words.sources[event.source];
    return html`<li class=${undone ? "was-undone" : ""}><span>${words.verbs[event.verb] ?? event.verb}${value}${reason}</span>
      <small>${event.occurred_at === null ? "" : momentText(event.occurred_at, this.date)}${source ? html` · ${source}` : nothing}</small></li>`;
  }
}

/** The time; with its date where that is another one, as for what was written down later. */
function momentText(at: number, date: string): string {
  const moment = new Date(at);
  const same = new Intl.DateTimeFormat("sv-SE").format(moment) === date;
  return moment.toLocaleString(locale, same ? { hour: "numeric", minute: "2-digit" } : { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
}

customElements.define("kairos-day-sheet", KairosDaySheet);

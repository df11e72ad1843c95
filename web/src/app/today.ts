import { html, nothing, svg, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { locale, t } from "../i18n";
import { check, dots, leaf, minus, noteMark, plus, rest } from "../icons";
import type { DeedBody } from "../model";
import { session, toast, toastError } from "../session";
import { words } from "../texts/history";
import type { Habit, HabitCommand, Receipt, TodayItem } from "../types";
import "./day-sheet";
import { amountText, staysAway } from "./days";
import { act } from "./deeds";
import { quotaText } from "./habit-draft";
import "./habit-form";
import { LongPress } from "./long-press";
import "./recovery";
import { View } from "./view";
import "./today.css";

/** The day: one tap completes, a long press has the rest, and everything can be taken back. */
export class KairosToday extends View {
  private habits = new Map<string, Habit>();
  /** The last deed of each habit that is on its way: they are done in the order of the taps. */
  private readonly going = new Map<string, Promise<unknown>>();
  private adding = false;
  /** Habits that became done while this page was open, for the small joy of it. */
  private joy = new Set<string>();
  /** The habit whose sheet is open. */
  private sheet: string | null = null;
  private readonly press = new LongPress();

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "today", () => this.requestUpdate());
    this.follow(session.model, "rows", () => void this.load());
    this.follow(window, "kairos-deed", (event) => this.glad((event as CustomEvent<Receipt | null>).detail));
    void this.load();
  }

  /** The anchors stand in the habits, not in the day. */
  private async load(): Promise<void> {
    try {
      const habits = await session.model.habits();
      this.paint(() => (this.habits = new Map(habits.map((habit) => [habit.id, habit]))));
    } catch {
      // The line at the top already says that the hub is away; the next reconnect loads again.
    }
  }

  /** What is counted waits for the deed before it: each tap of a quick finger is one. Of others a second tap is none. */
  private run(item: TodayItem, command: HabitCommand, deed: DeedBody, say: (after: TodayItem) => string, counts = false): void {
    const { habit_id, date } = item;
    const before = this.going.get(habit_id);
    if (before && !counts) return;
    // Where one could not be done, those behind it are not, either.
    const job = Promise.resolve(before).then(() => act({ habit_id, date }, command, deed, say));
    this.paint(() => this.going.set(habit_id, job));
    void job.catch(toastError).finally(() => this.going.get(habit_id) === job && this.paint(() => this.going.delete(habit_id)));
  }

  /** Heard of every deed done here, also in a sheet. */
  private glad(receipt: Receipt | null): void {
    if (!receipt || receipt.habit.date !== session.model.today?.date) return;
    const { habit_id, done, kind } = receipt.habit;
    this.paint(() => (done && kind !== "avoid" ? this.joy.add(habit_id) : this.joy.delete(habit_id)));
  }

  private toggle(item: TodayItem): void {
    if (item.done || item.type === "SKIPPED") this.run(item, "undo", {}, (after) => t.didUndo(after.name));
    else this.run(item, "complete", {}, (after) => t.didComplete(after.name));
  }

  /** A value with `complete` is what is added; a step back takes the last deed back, whoever did it. */
  private add(item: TodayItem): void {
    const step = this.habits.get(item.habit_id)?.step ?? 1;
    this.run(item, "complete", { value: step }, (after) => t.didAdd(after.name, this.amountOf(after)), true);
  }

  private less(item: TodayItem): void {
    this.run(item, "undo", {}, (after) => t.didAdd(after.name, this.amountOf(after)), true);
  }

  private anchorOf(item: TodayItem): string {
    const habit = this.habits.get(item.habit_id);
    if (habit?.micro_active && habit.micro_version) return habit.micro_version;
    if (!habit?.anchor_behavior) return "";
    return habit.anchor_type === "AFTER_BEHAVIOR" ? t.afterI(habit.anchor_behavior) : habit.anchor_behavior;
  }

  private amountOf(item: TodayItem): string {
    return amountText(item.value, item, staysAway(this.habits.get(item.habit_id)));
  }

  private staysAway(item: TodayItem): boolean {
    return item.kind === "avoid" || staysAway(this.habits.get(item.habit_id));
  }

  protected override render(): TemplateResult {
    const today = session.model.today;
    if (!today) return html`<p class="lead" role="status">${t.loading}</p>`;
    const due = today.items.filter((item) => item.due || item.done || item.type === "SKIPPED");
    // Who stays away from something has nothing to do: such a habit is shown, and not counted.
    const count = due.filter((item) => item.type !== "SKIPPED" && !this.staysAway(item));
    const done = count.filter((item) => item.done).length;
    return html`
      <header class="day">
        <div><p class="eyebrow">${this.dateText(today.date)}</p><h1>${t.today}</h1></div>
        ${count.length > 0 ? this.renderRing(done, count.length) : nothing}
      </header>
      <kairos-recovery></kairos-recovery>
      ${due.length > 0
        ? html`<ul class="list">${repeat(due, (item) => item.habit_id, (item) => this.renderItem(item))}</ul>`
        : this.renderEmpty()}
      ${count.length > 0 && done === count.length ? html`<p class="all-done">${leaf()}<span><b>${t.allDone}</b> ${t.allDoneMore}</span></p>` : nothing}
      ${this.renderAdd()} ${this.renderSheet(today.items)}`;
  }

  /** The hub's day, not the browser's: they differ after midnight for a person whose day starts at four. */
  private dateText(date: string): string {
    return new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" }).format(new Date(`${date}T12:00:00Z`));
  }

  private renderRing(done: number, total: number): TemplateResult {
    return html`<div class="ring" role="img" aria-label=${t.progressLabel(done, total)}>
      <svg viewBox="0 0 64 64" aria-hidden="true">
        <circle class="ring-all" cx="32" cy="32" r="28" />
        ${done > 0 ? svg`<circle class="ring-part" cx="32" cy="32" r="28" pathLength="100" stroke-dasharray="${(100 * done) / total} 100" transform="rotate(-90 32 32)" />` : nothing}
      </svg>
      <span aria-hidden="true"><b>${done}</b>/${total}</span>
    </div>`;
  }

  private renderItem(item: TodayItem): TemplateResult {
    const skipped = item.type === "SKIPPED";
    const away = this.staysAway(item);
    const settled = item.done || skipped;
    const busy = this.going.has(item.habit_id);
    const open = () => this.open(item.habit_id);
    const state = `${away ? "is-away" : item.done ? "is-done" : ""} ${skipped ? "is-resting" : ""} ${this.joy.has(item.habit_id) ? "joy" : ""}`;
    const line = this.lineOf(item, away);
    // What is seen is also what is heard.
    const seen = [item.name, line, item.noted ? words.noted : ""].filter(Boolean).join(", ");
    const label = away ? words.more(seen) : settled ? t.takeBack(seen) : t.complete(seen);
    return html`<li class="habit ${state}" data-testid="today-item" data-habit-id=${item.habit_id} data-done=${String(item.done)} aria-busy=${busy ? "true" : "false"}
        @pointerdown=${(event: PointerEvent) => this.press.down(event, open)} @pointermove=${(event: PointerEvent) => this.press.move(event)}
        @pointerup=${() => this.press.stop()} @pointercancel=${() => this.press.stop()} @contextmenu=${(event: Event) => this.press.menu(event, open)}
        @click=${{ handleEvent: (event: Event) => this.press.swallow(event), capture: true }}>
      <button class="tap" data-testid="today-complete" aria-disabled=${busy} @click=${() => (away ? open() : this.toggle(item))} aria-label=${label}>
        ${this.renderDot(item, away)}
        <span class="words"><span class="name">${item.name}</span> ${line || item.noted ? html`<span class="line">${line}${item.noted ? noteMark() : nothing}</span>` : nothing}</span>
      </button>
      ${item.kind === "measurable" && !skipped
        ? html`<span class="steps">
            ${item.value ? html`<button class="round less" aria-label=${t.less(item.name)} @click=${() => this.less(item)}>${minus()}</button>` : nothing}
            <button class="round" aria-label=${t.more(item.name)} @click=${() => this.add(item)}>${plus()}</button>
          </span>`
        : nothing}
      <button class="round faint" data-testid="today-more" aria-haspopup="dialog" aria-label=${words.more(item.name)} @click=${open}>${dots()}</button>
    </li>`;
  }

  private renderDot(item: TodayItem, away: boolean): TemplateResult {
    const skipped = item.type === "SKIPPED";
    const part = item.target && (away || !item.done) ? Math.min(1, (item.value ?? 0) / item.target) * 100 : 0;
    const kept = away && (item.done || item.type === null);
    return html`<span class="dot">
      <svg viewBox="0 0 48 48" aria-hidden="true">
        <circle class="ring-all" cx="24" cy="24" r="20" />
        ${part > 0 ? svg`<circle class="ring-part" cx="24" cy="24" r="20" pathLength="100" stroke-dasharray="${part} 100" transform="rotate(-90 24 24)" />` : nothing}
        <circle class="ring-glow" cx="24" cy="24" r="20" />
      </svg>
      ${skipped ? rest() : kept ? leaf() : item.done && !away ? check() : nothing}
    </span>`;
  }

  /** What stands under a habit's name. */
  private lineOf(item: TodayItem, away: boolean): string {
    if (item.type === "SKIPPED") return t.skippedToday;
    if (away && item.kind !== "measurable") return item.type === "MISSED" ? words.lapse : words.keptSoFar;
    const stands = item.kind === "measurable" ? this.amountOf(item) : item.type === "PARTIAL" ? words.inPart : "";
    return [stands, item.quota ? quotaText(item.quota) : "", stands ? "" : this.anchorOf(item)].filter(Boolean).join(" · ");
  }

  private open(habit_id: string): void {
    this.paint(() => (this.sheet = habit_id));
  }

  private renderSheet(items: TodayItem[]): TemplateResult | typeof nothing {
    const item = items.find((one) => one.habit_id === this.sheet);
    const habit = this.sheet ? this.habits.get(this.sheet) : undefined;
    if (!item || !habit) return nothing;
    return html`<kairos-day-sheet .habit=${habit} .date=${item.date} .item=${item} @closed=${() => this.paint(() => (this.sheet = null))}></kairos-day-sheet>`;
  }

  private renderEmpty(): TemplateResult {
    const none = this.habits.size === 0;
    return html`<div class="empty">${leaf()}<h2>${none ? t.noHabits : t.nothingDue}</h2><p>${none ? t.noHabitsLead : t.nothingDueLead}</p></div>`;
  }

  private renderAdd(): TemplateResult {
    if (!this.adding) {
      return html`<button class="add" @click=${() => this.paint(() => (this.adding = true))}>${plus()}<span>${t.addHabit}</span></button>`;
    }
    return html`<section class="card sheet" aria-label=${t.addHabit}>
      <h2>${t.addHabit}</h2>
      <kairos-habit-form @done=${(event: CustomEvent<Habit>) => this.added(event.detail)}></kairos-habit-form>
      <button class="quiet wide" @click=${() => this.paint(() => (this.adding = false))}>${t.cancel}</button>
    </section>`;
  }

  private added(habit: Habit): void {
    this.paint(() => (this.adding = false));
    toast(t.added(habit.name));
    void this.load();
  }
}

customElements.define("kairos-today", KairosToday);

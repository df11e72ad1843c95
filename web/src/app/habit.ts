import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { amount, locale, t } from "../i18n";
import { leaf } from "../icons";
import { pencil } from "../icons-pages";
import { session, toast } from "../session";
import { words } from "../texts/history";
import type { DayCell, Habit, Square } from "../types";
import "./day-sheet";
import { addDays, cellText, dateText, lookOf, stretch, weekday } from "./days";
import { anchorText, planText } from "./habit-draft";
import "./heatmap";
import type { MapDay } from "./heatmap";
import { cells } from "./history";
import { asItWas, squares, statistics, type Told } from "./past";
import { View } from "./view";
import "./habits.css";
import "./habit.css";

/** How many weeks the map shows, and at least. */
const WEEKS = 26;
const LEAST_WEEKS = 13;
/** How many days the list shows at a time. */
const PAGE = 14;
/** What comes in a burst (a deed, the day, the websocket) is one reason to look. */
const BURST_MS = 120;

interface Past {
  squares: Square[];
  cells: Map<string, DayCell>;
}

/** One habit: how it went, day by day, and any day of it to look at or to complete. */
export class KairosHabit extends View {
  static override properties = { habitId: { attribute: false } };
  declare habitId: string;
  private habit: Habit | null | undefined;
  private past: Past | null = null;
  private told: Told | null = null;
  private away = false;
  private shown = PAGE;
  private picked: string | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.follow(session.model, "rows", () => this.soon());
    this.follow(session.model, "today", () => this.soon());
    this.follow(window, "kairos-deed", () => this.soon());
    this.whenBack(() => this.soon());
    void this.load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  private soon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(), BURST_MS);
  }

  private async load(): Promise<void> {
    try {
      const habits = await session.model.habits();
      this.paint(() => (this.habit = habits.find((habit) => habit.id === this.habitId) ?? null));
      if (this.habit) await this.loadPast(this.habit);
    } catch {
      this.paint(() => (this.away = true));
    }
  }

  private async loadPast(habit: Habit): Promise<void> {
    const today = session.model.today?.date;
    if (!today) return;
    const from = this.from(habit, today);
    const days = Promise.all([squares(habit.id, from, today), cells(habit.id, from, today)]);
    await Promise.all([
      // The phone has its days at once, and does not wait for what the hub counts.
      days.then(([map, days]) => this.paint(() => (this.past = { squares: map, cells: new Map(days.map((cell) => [cell.date, cell])) }))),
      statistics(habit.id).then((told) => this.paint(() => (this.told = told))),
    ]);
    this.paint(() => (this.away = this.told === null));
  }

  /** The map begins with a whole week: half a year ago, or with the habit where that is younger. */
  private from(habit: Habit, today: string): string {
    const into = (weekday(today) - (session.me?.week_start || 1) + 7) % 7;
    const week = (weeks: number) => addDays(today, -into - 7 * (weeks - 1));
    const weeks = Math.ceil((stretch(habit.start_date ?? week(WEEKS), today).length + 6) / 7);
    return week(Math.min(Math.max(weeks, LEAST_WEEKS), WEEKS));
  }

  private pick(date: string): void {
    this.paint(() => (this.picked = date));
  }

  private async wake(habit: Habit): Promise<void> {
    await this.work(async () => {
      await session.model.changeHabit(habit.id, { status: "ACTIVE" });
      toast(words.resumed(habit.name));
      await this.load();
    });
  }

  protected override render(): TemplateResult {
    const { habit } = this;
    if (habit === null) return html`<div class="empty">${leaf()}<h2>${words.noSuch}</h2><p>${words.noSuchLead}</p><p><a class="quiet" href="#/habits">${words.toHabits}</a></p></div>`;
    if (!habit) return html`<p class="lead" role="status">${this.away ? words.needsHub : t.loading}</p>`;
    return html`<header class="day habit-head">
        <div><p class="eyebrow">${[planText(habit), anchorText(habit)].filter(Boolean).join(" · ")}</p><h1>${habit.name}</h1></div>
        <a class="round" data-testid="habit-edit" href="#/habits/${encodeURIComponent(habit.id)}/edit" aria-label=${words.change(habit.name)}>${pencil()}</a>
      </header>
      ${habit.status === "ACTIVE" ? nothing : html`<p class="rests card"><span>${habit.status === "PAUSED" ? words.pausedNow : words.archivedNow}</span>
        <button class="quiet" data-testid="habit-wake" @click=${() => this.wake(habit)}>${words.resume}</button></p>`}
      ${this.away ? html`<p class="hint" role="status" data-testid="habit-away">${this.past ? words.numbersNeedHub : words.needsHub}</p>` : nothing}
      ${this.past ? this.renderPast(habit, this.past) : this.away ? nothing : html`<p class="lead" role="status">${t.loading}</p>`}
      ${this.picked ? this.renderSheet(habit, this.picked) : nothing}`;
  }

  private renderSheet(habit: Habit, date: string): TemplateResult {
    return html`<kairos-day-sheet .habit=${habit} .date=${date} .item=${this.itemOf(habit, date)} .find=${() => asItWas(habit.id, date)} @closed=${() => this.paint(() => (this.picked = null))}></kairos-day-sheet>`;
  }

  private itemOf(habit: Habit, date: string) {
    const today = session.model.today;
    return today?.date === date ? (today.items.find((item) => item.habit_id === habit.id) ?? null) : null;
  }

  private renderPast(habit: Habit, past: Past): TemplateResult {
    const days = past.squares.map((square): MapDay => ({ date: square.date, look: lookOf(square, past.cells.get(square.date), habit) }));
    return html`${this.told ? this.renderTiles(this.told) : nothing}
      <section class="card map-card" aria-label=${words.map}>
        <h2>${words.map}</h2>
        <kairos-heatmap .days=${days} .weekStart=${session.me?.week_start || 1} @pick=${(event: CustomEvent<string>) => this.pick(event.detail)}></kairos-heatmap>
      </section>
      ${this.renderDays(habit, days, past.cells)}`;
  }

  private renderTiles(of: Told): TemplateResult {
    const { rate, this_week: week, comeback, streak, score } = of;
    const percent = (share: number) => new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 }).format(share);
    const median = comeback.median_days;
    return html`<dl class="tiles" data-testid="habit-statistics">
      ${tile(words.lastDays, rate.share === null ? "–" : percent(rate.share), rate.asked === 0 ? words.quiet : words.share(rate.done, rate.asked))}
      ${tile(words.thisWeek, week.asked === 0 ? amount(week.done) : words.share(week.done, week.asked), week.asked === 0 || week.share === null ? words.weekQuiet : percent(week.share))}
      ${comeback.comebacks > 0 && median !== null ? tile(words.comeback, words.comebackDays(median, amount(median)), words.comebackTimes(comeback.comebacks)) : nothing}
      ${streak ? tile(words.inARow, amount(streak.current), words.inARowBest(streak.best)) : nothing}
      ${typeof score === "number" ? tile(words.score, amount(Math.round(score * 100)), words.scoreLead) : nothing}
    </dl>`;
  }

  private renderDays(habit: Habit, days: MapDay[], cells: Map<string, DayCell>): TemplateResult {
    const begun = habit.start_date ?? "";
    const own = days.filter((day) => day.date >= begun || cells.has(day.date));
    const newest = own.reverse().slice(0, this.shown);
    return html`<section class="days-list" aria-label=${words.recent}>
      <h2>${words.recent}</h2>
      <ul class="list" data-testid="habit-days">${repeat(newest, (day) => day.date, (day) => this.renderDay(habit, day, cells.get(day.date)))}</ul>
      ${own.length > this.shown ? html`<button class="quiet wide" @click=${() => this.paint(() => (this.shown += PAGE))}>${words.earlier}</button>` : nothing}
      <form class="amount-row" @submit=${this.openOther}>
        <label class="field"><span>${words.otherDay}</span><input name="date" type="date" required max=${session.model.today?.date ?? ""} data-testid="other-day" /></label>
        <button class="chip">${words.openDay}</button>
      </form>
    </section>`;
  }

  private openOther(event: SubmitEvent): void {
    event.preventDefault();
    const date = new FormData(event.target as HTMLFormElement).get("date");
    if (typeof date === "string" && date) this.pick(date);
  }

  private renderDay(habit: Habit, day: MapDay, cell: DayCell | undefined): TemplateResult {
    // Without its target: that may have been another one then.
    const text = cellText(cell ?? null, habit, { target: null, unit: habit.unit });
    const said = day.look === "part" && habit.kind === "measurable" ? `${words.inPart}: ${text}` : text;
    const quiet = { done: words.kept, open: words.open, paused: words.break, free: words.free } as Record<string, string>;
    return html`<li><button class="row day-row" data-testid="habit-day" data-date=${day.date} @click=${() => this.pick(day.date)}>
      <span class="square is-${day.look}"></span>
      <span class="words"><span class="name">${dateText(day.date, { weekday: "long", day: "numeric", month: "long" })}</span>
        <span class="line">${said || (quiet[day.look] ?? words.nothing)}${cell?.note ? html` · <q>${cell.note}</q>` : nothing}</span></span>
    </button></li>`;
  }
}

function tile(name: string, value: string, line: string): TemplateResult {
  return html`<div class="tile"><dt>${name}</dt><dd><b>${value}</b><span>${line}</span></dd></div>`;
}

customElements.define("kairos-habit", KairosHabit);

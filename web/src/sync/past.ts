import type { Share, Square, Statistics, Today } from "../types";
import { type Day, logicalDay, mod, type Person, toDay, toText, weekday } from "./calendar";
import { cellsOf, type DayRows, planOf, todayOf } from "./day";
import { isKept, LONGEST_PERIOD, type Marks, type Plan } from "./due";
import type { Reader } from "./model";
import type { CellRow, HabitRow, PauseRow } from "./rows";
import * as sql from "./sql";

/**
 * How days went, told from the rows the phone keeps: what the hub says under `/heatmap`, `/statistics` and `/today?date=`, also
 * without it. The same rules as `hub/src/http/history.rs` and `hub/core/src/statistics.rs`, with the same cases in the tests.
 */

/** What it is told from. */
export interface Ground {
  store: Reader;
  rows: DayRows;
  person: Person;
  me: string;
  today: Day;
}

/** What can be told of how it went without the hub. */
export type Told = Pick<Statistics, "rate" | "this_week" | "comeback">;

/** How far back days are looked at: ten years, as the hub does. */
const LOOK_BACK = 3660;
const RATE_DAYS = 30;

/** One habit's days as they stand. */
export class Past {
  readonly plan: Plan;
  readonly marks: Marks = new Map();

  constructor(habit: HabitRow, cells: CellRow[], private readonly of: Omit<Ground, "store">) {
    const { rows, person, me } = of;
    this.plan = planOf(habit, { ...rows, pauses: [...rows.pauses, ...restOf(habit, of)] }, person);
    for (const cell of cellsOf(habit, { ...rows, cells }, me)) {
      const day = toDay(cell.date);
      const mark = day === null ? null : this.plan.mark(day, cell.type, cell.source);
      if (day !== null && mark) this.marks.set(day, mark);
    }
  }

  squares(from: Day, to: Day): Square[] {
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => this.square(from + n));
  }

  private square(day: Day): Square {
    const { plan, marks } = this;
    const due = day < this.of.today ? plan.open(day) : plan.due(day, marks);
    return { date: toText(day), due, state: this.state(day) };
  }

  private state(day: Day): Square["state"] {
    const { plan, marks } = this;
    const { today } = this.of;
    const mark = marks.get(day);
    if (mark === "done" || mark === "skipped") return mark;
    if (plan.paused(day)) return "paused";
    if (mark) return "none";
    if (this.kept(day) && day < today) return "done";
    return day >= today && plan.due(day, marks) ? "open" : "none";
  }

  /** Whether a day without a word is a day kept. */
  private kept(day: Day): boolean {
    return isKept(this.plan.on(day)) && this.plan.open(day);
  }

  /** How it went, where no quota decides which days were asked for: that is the hub's to find. */
  told(): Told {
    const { today, person } = this.of;
    const week = today - mod(weekday(today) + 1 - person.week_start, 7);
    return { rate: this.rate(today - RATE_DAYS + 1, today), this_week: this.rate(week, today), comeback: this.comeback() };
  }

  /** The present day counts once it is done. */
  rate(from: Day, to: Day): Share {
    const { plan, marks } = this;
    const { today } = this.of;
    const sum = { done: 0, asked: 0 };
    for (let day = Math.max(from, plan.firstDay); day <= Math.min(to, today); day++) {
      const mark = marks.get(day);
      if (mark === "skipped") continue;
      const done = mark ? mark === "done" : this.kept(day) && day < today;
      if (!done && (!plan.open(day) || day >= today)) continue;
      sum.asked += 1;
      if (done) sum.done += 1;
    }
    return { ...sum, share: sum.asked === 0 ? null : sum.done / sum.asked };
  }

  /** Every stretch of days without a deed that a deed ended. */
  comeback(): Statistics["comeback"] {
    const { plan, marks } = this;
    const { today } = this.of;
    const took: number[] = [];
    let away: Day | null = null;
    const back = (day: Day) => {
      if (away !== null) took.push(day - away);
      away = null;
    };
    const first = Math.min(plan.firstDay, ...marks.keys());
    for (let day = Math.max(first, today - LOOK_BACK); day <= today; day++) {
      const mark = marks.get(day);
      if (mark === "done") back(day);
      else if (mark === "skipped" || (mark === "lapsed" && !plan.open(day))) continue;
      else if (mark) away ??= day;
      else if (day >= today || !plan.open(day)) continue;
      else if (this.kept(day)) back(day);
      else away ??= day;
    }
    // How many were soon enough is asked for by no screen.
    return { comebacks: took.length, median_days: median(took), within_threshold: null };
  }
}

function median(of: number[]): number | null {
  const sorted = of.sort((a, b) => a - b);
  const [below, above] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return below === undefined || above === undefined ? null : (below + above) / 2;
}

/** Since when a habit rests, where no break of its own says so; a phone that has just put it to rest does not write when. */
function restOf(habit: HabitRow & { paused_at?: number | null; archived_at?: number | null }, { rows, person, today }: Omit<Ground, "store">): PauseRow[] {
  if ((habit.status ?? "ACTIVE") === "ACTIVE") return [];
  if (rows.pauses.some((pause) => pause.habit_id === habit.id && !pause.to_date)) return [];
  const since = Math.max(habit.paused_at ?? 0, habit.archived_at ?? 0);
  return [{ habit_id: habit.id, from_date: toText(since ? logicalDay(since, person) : today), to_date: null }];
}

/** What screens ask for. */
export class Story {
  constructor(private readonly on: Ground, private readonly habit: (id: string) => Promise<HabitRow>) {}

  /** A habit's squares. With a quota the days around today decide whether it is still asked for. */
  async squares(habit_id: string, from: string, to: string): Promise<Square[]> {
    const [habit, first, last] = [await this.habit(habit_id), toDay(from), toDay(to)];
    if (first === null || last === null) return [];
    const { today } = this.on;
    const around = this.hasQuota(habit) ? LONGEST_PERIOD : 0;
    const cells = await this.cells(habit, Math.min(first, today - around), Math.max(last, today + around));
    return new Past(habit, cells, this.on).squares(first, last);
  }

  /** How it went, or null where only the hub can tell. */
  async told(habit_id: string): Promise<Told | null> {
    const habit = await this.habit(habit_id);
    if (this.hasQuota(habit)) return null;
    return new Past(habit, await this.cells(habit, this.on.today - LOOK_BACK, this.on.today), this.on).told();
  }

  /** Whole days of all habits, from one to another. */
  async days(from: string, to: string): Promise<Today[]> {
    const [first, last] = [toDay(from), toDay(to)];
    if (first === null || last === null) return [];
    const { store, rows, person, me } = this.on;
    const cells = await store.getAll<CellRow>(sql.DAYS, [from, to]);
    for (const habit of rows.habits.filter((habit) => this.hasQuota(habit))) {
      const period = await this.cells(habit, first - LONGEST_PERIOD, last + LONGEST_PERIOD);
      cells.push(...period.filter(({ date }) => date < from || date > to));
    }
    return Array.from({ length: last - first + 1 }, (_, n) => todayOf({ ...rows, cells }, person, me, first + n));
  }

  private hasQuota(habit: HabitRow): boolean {
    return planOf(habit, this.on.rows, this.on.person).everHasQuota;
  }

  private cells(habit: HabitRow, from: Day, to: Day): Promise<CellRow[]> {
    return this.on.store.getAll<CellRow>(sql.PERIOD, [habit.id, toText(from), toText(to)]);
  }
}

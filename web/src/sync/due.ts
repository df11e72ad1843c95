import { type Day, logicalDay, mod, monthOf, type Person, toDay, weekday, yearOf } from "./calendar";
import { keptByNothing } from "../rules";
import type { Quota } from "../types";
import type { HabitRow, PauseRow, ScheduleRow } from "./rows";

/**
 * Which habits are asked for on a day, found on the phone: it has to know without the hub.
 *
 * The same answers as `hub/core/src/plan`, with the same cases in its tests. Only what the day's list needs is here: whether a
 * habit is due. What must not pass without a note, gaps and phases are the hub's to find.
 */

/** How a day stands, for quotas. */
export type Mark = "done" | "skipped" | "lapsed" | "passed";
export type Marks = Map<Day, Mark>;

/** The longest period there is, before and after a day: what may decide whether a habit with a quota is due. */
export const LONGEST_PERIOD = 366;

/** What a habit asks for while it is valid. */
export interface Schedule {
  kind: string;
  /** On which weekdays it may be done, Monday first. */
  weekdays: boolean[];
  /** How many times in how many days; at least as many times as days is every day. */
  times: number;
  days: number;
  rolling: boolean;
  atMost: boolean;
  target: number | null;
  unit: string | null;
}

/** Days from and to, both included. */
type Window = [Day, Day];

const KINDS = ["boolean", "measurable", "avoid"];
const EVERY_DAY = [true, true, true, true, true, true, true];

/** Reads `active_days`: a JSON array of weekdays, 1 is Monday. Anything else is no day. */
function activeDays(json: string | null): number[] {
  try {
    const days: unknown = JSON.parse(json ?? "[]");
    const whole = (day: unknown) => Number.isInteger(day) && (day as number) >= 1 && (day as number) <= 7;
    return Array.isArray(days) && days.every(whole) ? (days as number[]) : [];
  } catch {
    return [];
  }
}

function weekdaysOf(row: Pick<ScheduleRow, "frequency" | "active_days">): boolean[] {
  if (row.frequency === "WEEKDAYS") return EVERY_DAY.map((_, day) => day < 5);
  if (row.frequency === "WEEKENDS") return EVERY_DAY.map((_, day) => day >= 5);
  const listed = row.frequency === "CUSTOM" ? activeDays(row.active_days) : [];
  return listed.length > 0 ? EVERY_DAY.map((_, day) => listed.includes(day + 1)) : EVERY_DAY;
}

/** Reads it from a habit or one of its dated schedules; what an older schedule does not say is as the habit itself says. */
export function scheduleOf(row: Omit<ScheduleRow, "habit_id" | "valid_from">, habit: HabitRow): Schedule {
  const kind = row.kind ?? habit.kind ?? "boolean";
  return {
    kind: KINDS.includes(kind) ? kind : "boolean",
    weekdays: weekdaysOf(row),
    times: Math.max(1, row.freq_num ?? 1),
    days: Math.max(1, row.freq_den ?? 1),
    rolling: row.freq_window === "rolling",
    atMost: row.target_type === "at_most",
    // Two edits that were valid each may have met: then one is what is aimed at, as the hub shows it.
    target: row.target_value ?? (row === habit && kind === "measurable" ? 1 : null),
    unit: row.unit || null,
  };
}

/** Whether it asks for fewer deeds than there are days. */
export function hasQuota(schedule: Schedule): boolean {
  return schedule.times < schedule.days;
}

function hasLimit(schedule: Schedule): boolean {
  return schedule.kind === "measurable" && schedule.atMost;
}

/** A quota means nothing to what is kept by doing nothing. */
export function isKept(schedule: Schedule): boolean {
  return keptByNothing(schedule.kind, schedule.atMost);
}

/** Whether both ask for the same days and the same quota; what they measure may differ. */
function asksAs(a: Schedule, b: Schedule): boolean {
  const asked = (of: Schedule) => [of.weekdays, of.times, of.days, of.rolling, hasQuota(of) && isKept(of)].join();
  return asked(a) === asked(b);
}

/** What a habit asks for, over all its days. */
export class Plan {
  private readonly present: Schedule;
  private readonly dated: [Day, Schedule][];
  /** The days from which on other days or another quota are asked for, earliest first. */
  private readonly turns: Day[];
  readonly firstDay: Day;
  private readonly breaks: [Day, Day | null][];
  private readonly active: boolean;

  constructor(habit: HabitRow, schedules: ScheduleRow[], pauses: PauseRow[], private readonly person: Person) {
    this.present = scheduleOf(habit, habit);
    this.dated = schedules
      .filter((row) => row.habit_id === habit.id)
      .flatMap((row): [Day, Schedule][] => {
        const from = toDay(row.valid_from);
        return from === null ? [] : [[from, scheduleOf(row, habit)]];
      })
      .sort(([a], [b]) => a - b);
    this.turns = this.dated.map(([from]) => from).filter((from) => !asksAs(this.on(from), this.on(from - 1)));
    this.firstDay = toDay(habit.start_date) ?? logicalDay(habit.created_at ?? 0, person);
    this.active = (habit.status ?? "ACTIVE") === "ACTIVE";
    this.breaks = pauses
      .filter((row) => !row.habit_id || row.habit_id === habit.id)
      .flatMap((row): [Day, Day | null][] => {
        const from = toDay(row.from_date);
        return from === null ? [] : [[from, toDay(row.to_date)]];
      });
  }

  /** The schedule valid on a day. Before the first of the dated ones that one holds. */
  on(day: Day): Schedule {
    const last = this.dated.at(-1);
    // The habit's own columns are the newest word, also where a phone changed them and no dated row tells so yet.
    if (!last || last[0] <= day) return this.present;
    const valid = this.dated.filter(([from]) => from <= day).at(-1) ?? this.dated[0];
    return valid ? valid[1] : this.present;
  }

  /** Whether a quota, now or at another time, makes other days decide about this one. */
  get everHasQuota(): boolean {
    return [this.present, ...this.dated.map(([, schedule]) => schedule)].some(hasQuota);
  }

  /** The days that decide with a day whether it asks for anything; null where it decides alone. */
  around(day: Day): Window | null {
    const schedule = this.on(day);
    return hasQuota(schedule) && !isKept(schedule) ? this.window(day) : null;
  }

  paused(day: Day): boolean {
    return this.breaks.some(([from, to]) => from <= day && (to === null || day <= to));
  }

  /** Whether the day is one of the habit's own: begun, no break, the right weekday. */
  open(day: Day): boolean {
    return day >= this.firstDay && !this.paused(day) && this.on(day).weekdays[weekday(day)] === true;
  }

  /** Whether it is asked for on a day. With a quota: until the deeds of the other days of the period have met it. */
  due(day: Day, marks: Marks): boolean {
    if (!this.active || !this.open(day)) return false;
    const schedule = this.on(day);
    if (!hasQuota(schedule) || isKept(schedule)) return true;
    const window = this.window(day);
    const others = doneIn(window, marks) - (marks.get(day) === "done" ? 1 : 0);
    return others < Math.max(1, this.wanted(window, day));
  }

  /** How far a quota is met in the day's period, the day with it; undefined where there is none. */
  quota(day: Day, marks: Marks): Quota | undefined {
    const schedule = this.on(day);
    if (!hasQuota(schedule) || isKept(schedule)) return undefined;
    const window = this.window(day);
    return { done: doneIn(window, marks), of: Math.max(1, this.wanted(window, day)), days: schedule.days, rolling: schedule.rolling };
  }

  /** How a day stands by its cell. A part counts as done; of what has a limit a part is more than the limit. */
  mark(day: Day, type: string | null, source: string | null): Mark | null {
    switch (type) {
      case "PARTIAL":
        return hasLimit(this.on(day)) ? "lapsed" : "done";
      case "FULL":
        return "done";
      case "SKIPPED":
        return "skipped";
      case "MISSED":
        return source === "engine" ? "passed" : "lapsed";
      default:
        return null;
    }
  }

  /** What the quota of a period is where only a part of it may be used: less, in proportion. */
  private wanted(window: Window, day: Day): number {
    const schedule = this.on(day);
    if (schedule.rolling) return schedule.times;
    const all = count(this.period(schedule.days, day), (other) => schedule.weekdays[weekday(other)] === true);
    const usable = count(window, (other) => this.open(other));
    if (all === 0) return 0;
    return usable === all ? Math.min(schedule.times, all) : Math.floor((schedule.times * usable) / all);
  }

  /** The period a day belongs to; for a rolling one, the days up to it. */
  private window(day: Day): Window {
    const schedule = this.on(day);
    if (schedule.rolling) return [day - clamp(schedule.days - 1), day];
    const [from, to] = this.period(schedule.days, day);
    // A change of schedule begins a period of its own.
    const since = this.turns.filter((turn) => turn <= day).at(-1);
    const until = this.turns.find((turn) => turn > day);
    return [Math.max(from, since ?? from), Math.min(to, until === undefined ? to : until - 1)];
  }

  /** A week, a month, a year where the length says so; else stretches counted from the first day. */
  private period(length: number, day: Day): Window {
    if (length === 7) {
      const from = day - mod(weekday(day) + 1 - this.person.week_start, 7);
      return [from, from + 6];
    }
    if (length >= 28 && length <= 31) return monthOf(day);
    if (length === 365 || length === 366) return yearOf(day);
    const since = this.turns.filter((turn) => turn <= day).at(-1) ?? this.firstDay;
    const from = day - clamp(mod(day - since, length));
    return [from, from + clamp(length - 1)];
  }
}

function doneIn([from, to]: Window, marks: Marks): number {
  let done = 0;
  for (const [day, mark] of marks) if (mark === "done" && day >= from && day <= to) done += 1;
  return done;
}

function count([from, to]: Window, is: (day: Day) => boolean): number {
  let days = 0;
  for (let day = from; day <= to; day++) if (is(day)) days += 1;
  return days;
}

function clamp(days: number): number {
  return Math.min(Math.max(days, 0), 400);
}

import { amount, locale } from "../i18n";
import { keptByNothing } from "../rules";
import { words } from "../texts/history";
import type { DayCell, Habit, Square, TodayItem } from "../types";

/** Calendar days and what stands on them. Dates are text, and a day is never 86 400 seconds. */

const noon = (date: string) => new Date(`${date}T12:00:00Z`);

export function addDays(date: string, days: number): string {
  const day = noon(date);
  day.setUTCDate(day.getUTCDate() + days);
  return day.toISOString().slice(0, 10);
}

/** 1 is Monday. */
export function weekday(date: string): number {
  return noon(date).getUTCDay() || 7;
}

/** All days from one to another, both with them. */
export function stretch(from: string, to: string): string[] {
  const days: string[] = [];
  for (let date = from; date <= to; date = addDays(date, 1)) days.push(date);
  return days;
}

export function dateText(date: string, form: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(locale, { ...form, timeZone: "UTC" }).format(noon(date));
}

/** The names of weekdays, Monday first. */
export function weekdayNames(form: "narrow" | "short" | "long"): string[] {
  return stretch("2026-11-02", "2026-11-08").map((date) => dateText(date, { weekday: form }));
}

/** Whether a day without a word is as good as done: staying away, or an amount that is not to be passed. */
export function staysAway(habit: Pick<Habit, "kind" | "target_type"> | undefined): boolean {
  return habit !== undefined && keptByNothing(habit.kind, habit.target_type === "at_most");
}

export type Look = "done" | "part" | "skipped" | "paused" | "open" | "none" | "free";

/** What a small square of a day looks like, from the day's own view; without an item it was none of the habit's days. */
export function look(item: Pick<TodayItem, "type" | "done" | "due"> | undefined, habit: Habit, isToday: boolean): Look {
  if (!item) return "free";
  if (item.type === "SKIPPED") return "skipped";
  if (item.type === "PARTIAL" && !staysAway(habit)) return "part";
  if (item.done) return "done";
  if (staysAway(habit)) return item.type ? "none" : isToday ? "open" : "done";
  return isToday && item.due ? "open" : "none";
}

/** The same from the hub's square, which knows breaks; a part counts there as done, and is shown as what it is. */
export function lookOf(square: Square, cell: DayCell | undefined, habit: Habit): Look {
  if (cell?.type === "PARTIAL" && !staysAway(habit)) return "part";
  if (square.state !== "none") return square.state;
  return square.due ? "none" : "free";
}

/** How many days of each kind there are. A part is said as what it is: of an amount it is not done, and nothing tells the two apart. */
export function sums(looks: Look[]): { done: number; part: number; skipped: number } {
  const count = (of: Look) => looks.filter((look) => look === of).length;
  return { done: count("done"), part: count("part"), skipped: count("skipped") };
}

/** "3 of 8 glasses". */
export function amountText(value: number | null, of: { target: number | null; unit: string | null }, atMost = false): string {
  const said = amount(value ?? 0);
  const text = of.target === null ? said : atMost ? words.atMost(said, amount(of.target)) : words.ofTarget(said, amount(of.target));
  return of.unit ? `${text} ${of.unit}` : text;
}

export function reasonText(reason: string | null): string {
  return reason ? words.restingFor(words.reasons[reason] ?? reason) : words.resting;
}

/** What stands on a day, in words; empty: nothing was noted by anybody. */
export function cellText(
  cell: Pick<DayCell, "type" | "percent" | "value" | "skip_reason"> | null,
  habit: Habit,
  of: { target: number | null; unit: string | null } = { target: habit.target_value, unit: habit.unit },
): string {
  switch (cell?.type) {
    case "SKIPPED":
      return reasonText(cell.skip_reason);
    case "MISSED":
      return habit.kind === "avoid" ? words.lapse : "";
    case "FULL":
    case "PARTIAL":
      if (habit.kind === "measurable" && cell.value !== null) return amountText(cell.value, of, staysAway(habit));
      if (cell.type === "FULL") return habit.kind === "avoid" ? words.kept : words.done;
      return cell.percent === null ? words.legend["part"]! : words.inPartOf(cell.percent);
    default:
      return "";
  }
}

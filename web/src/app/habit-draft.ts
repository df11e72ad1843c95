import { words } from "../texts/habits";
import type { Frequency, Habit, HabitKind, HabitPatch, Quota } from "../types";
import { weekdayNames } from "./days";

/** What a habit asks for, as a form has it. */
export type Plan = Frequency | "QUOTA";
export type Per = "week" | "month" | "year" | "days";

/** The lengths the hub takes for a week, a month and a year of the calendar. */
const LENGTHS = { week: 7, month: 30, year: 365 };

export function planOf(habit: Habit | null): Plan {
  if (!habit) return "DAILY";
  return (habit.freq_num ?? 1) < (habit.freq_den ?? 1) ? "QUOTA" : habit.frequency;
}

export function perOf(days: number | null): Per {
  if (days === 7) return "week";
  if (days !== null && days >= 28 && days <= 31) return "month";
  return days === 365 || days === 366 ? "year" : "days";
}

export function activeDays(json: string | null): number[] {
  try {
    const days = JSON.parse(json ?? "[]") as unknown;
    return Array.isArray(days) ? days.filter((day): day is number => typeof day === "number" && day >= 1 && day <= 7) : [];
  } catch {
    return [];
  }
}

/** Something in the form does not go together; said to the person as it is. */
export class Unclear extends Error {}

/** Reads what `kairos-habit-fields` shows. What it does not show is not in the answer, and stays as it is. */
export function readFields(data: FormData, was: Habit | null): HabitPatch {
  const kind = text(data, "kind") as HabitKind;
  const patch: HabitPatch = { kind };
  if (kind === "measurable") {
    patch.target_type = text(data, "target_type") as "at_least" | "at_most";
    patch.target_value = Number(text(data, "target"));
    patch.unit = text(data, "unit") || null;
    patch.step = Number(text(data, "step")) || 1;
  }
  return { ...patch, ...readPlan(data, was) };
}

function readPlan(data: FormData, was: Habit | null): HabitPatch {
  const plan = text(data, "plan") as Plan;
  if (plan === "QUOTA") {
    const per = text(data, "per") as Per;
    // A month keeps the length it has: 28 to 31 all mean one.
    const same = was?.freq_den && perOf(was.freq_den) === per ? was.freq_den : undefined;
    const freq_den = per === "days" ? Number(text(data, "den")) : (same ?? LENGTHS[per]);
    const freq_num = Number(text(data, "times"));
    if (!(freq_num < freq_den)) throw new Unclear(words.fewer);
    // A quota may have days of its own, set elsewhere.
    const frequency = planOf(was) === "QUOTA" && was ? was.frequency : "DAILY";
    return { frequency, freq_num, freq_den, freq_window: text(data, "window") as "calendar" | "rolling" };
  }
  const every: HabitPatch = { frequency: plan, freq_num: 1, freq_den: 1 };
  if (plan !== "CUSTOM") return every;
  const days = data.getAll("day").map(Number).sort();
  if (days.length === 0) throw new Unclear(words.chooseOne);
  return { ...every, active_days: JSON.stringify(days) };
}

/** Only what is other than before: every column that is written is one that another device may not have meant to change. */
export function changes(was: Habit, patch: HabitPatch): HabitPatch {
  const old = was as unknown as Record<string, unknown>;
  const same = (column: string, value: unknown) =>
    column === "active_days" ? String(activeDays(was.active_days)) === String(activeDays(value as string | null)) : (old[column] ?? null) === value;
  return Object.fromEntries(Object.entries(patch).filter(([column, value]) => !same(column, value))) as HabitPatch;
}

/** "every day", "Mon, Wed, Fri", "3 times a week". */
export function planText(habit: Habit): string {
  const plan = planOf(habit);
  if (plan === "QUOTA" && habit.kind !== "avoid") {
    const per = perOf(habit.freq_den);
    const times = habit.freq_num ?? 1;
    return per === "days" ? words.nInDays(times, habit.freq_den ?? 1) : words.nTimes(times, per);
  }
  const names = weekdayNames("short");
  const days = activeDays(habit.active_days);
  if (habit.frequency !== "CUSTOM") return words.plans[habit.frequency] ?? "";
  return days.length > 0 ? days.map((day) => names[day - 1]).join(", ") : words.plans["DAILY"]!;
}

/** "1 of 3 this week". */
export function quotaText({ done, of, days, rolling }: Quota): string {
  const per = rolling ? "days" : perOf(days);
  return `${words.of(done, of)} ${per === "days" ? words.inDays(days) : words.present[per]}`;
}

/** When it happens: "after I make coffee". */
export function anchorText(habit: Habit): string {
  const { anchor_behavior: anchor, anchor_type: type } = habit;
  if (!anchor) return "";
  return type === "AFTER_BEHAVIOR" || type === "BEFORE_BEHAVIOR" ? `${words.anchorTypes[type]} ${anchor}` : anchor;
}

function text(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value.trim() : "";
}

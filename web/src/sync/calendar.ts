/**
 * Calendar dates as whole numbers, days since 1970-01-01, so that nobody counts days in seconds; and the logical day.
 *
 * The same rules as `hub/core/src/day.rs`: what the phone calls today must be what the hub calls today.
 */

export type Day = number;

const DAY_MS = 86_400_000;
/** The latest start of a day, in minutes after midnight. */
const MAX_DAY_START = 720;

/** How a person counts days and weeks. */
export interface Person {
  tz: string;
  day_start_min: number;
  /** First day of the week, 1 is Monday. */
  week_start: number;
}

/** Reads `YYYY-MM-DD` and nothing else. */
export function toDay(text: string | null | undefined): Day | null {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text ?? "");
  if (!parts) return null;
  const at = new Date(0);
  at.setUTCFullYear(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]));
  const day = at.getTime() / DAY_MS;
  return toText(day) === text ? day : null;
}

export function toText(day: Day): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** 0 is Monday. */
export function weekday(day: Day): number {
  return mod(day + 3, 7);
}

/** The remainder that is never negative. */
export function mod(a: number, b: number): number {
  return ((a % b) + b) % b;
}

/** The first and the last day of a day's month or year. */
export function monthOf(day: Day): [Day, Day] {
  const at = new Date(day * DAY_MS);
  return span(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1), Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1));
}

export function yearOf(day: Day): [Day, Day] {
  const year = new Date(day * DAY_MS).getUTCFullYear();
  return span(Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1));
}

function span(from: number, next: number): [Day, Day] {
  return [from / DAY_MS, next / DAY_MS - 1];
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function clock(tz: string): Intl.DateTimeFormat {
  let found = clocks.get(tz);
  if (!found) {
    const fields = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" } as const;
    const make = (timeZone: string) => new Intl.DateTimeFormat("en-US", { ...fields, timeZone, hourCycle: "h23", calendar: "gregory" });
    try {
      found = make(tz);
    } catch {
      // A zone this browser has not heard of: the hub, too, falls back to UTC for those it does not know.
      found = make("UTC");
    }
    clocks.set(tz, found);
  }
  return found;
}

/** The day an instant belongs to: the local clock, minus the start of the day, its date. */
export function logicalDay(at: number, person: Pick<Person, "tz" | "day_start_min">): Day {
  const parts: Record<string, number> = {};
  for (const { type, value } of clock(person.tz || "UTC").formatToParts(at)) parts[type] = Number(value);
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  const local = Date.UTC(year, month - 1, day, hour, minute, second);
  return Math.floor((local - Math.min(person.day_start_min, MAX_DAY_START) * 60_000) / DAY_MS);
}

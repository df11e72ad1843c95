import type { TodayItem, WallView } from "../types";

/** What the mirror decides, free of the DOM: how old its data is, when it dims, where it shifts, what is new. */

/** Data older than this says so. */
export const AGE_AFTER_MS = 60_000;
/** Habits on the wall at once; the hub keeps to it too. */
export const MAX_ITEMS = 8;

export type Age = { unit: "minutes" | "hours" | "days"; n: number } | null;

/** How old the data on the wall is; null while it is fresh. */
export function age(now: number, lastContact: number | null): Age {
  if (lastContact === null) return null;
  const ms = now - lastContact;
  if (ms < AGE_AFTER_MS) return null;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return { unit: "minutes", n: minutes };
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? { unit: "hours", n: hours } : { unit: "days", n: Math.floor(hours / 24) };
}

/** From 22 to 6 o'clock the wall is dim. */
export function isNight(hour: number): boolean {
  return hour >= 22 || hour < 6;
}

/**
 * Pixels of a panel age where they never change: the picture walks a 9 × 9 field, one small step a minute.
 *
 * The path goes row by row, back and forth, and then the same way home, so that no step is a jump.
 */
export function pixelShift(minute: number): { x: number; y: number } {
  const lap = minute % 162;
  const place = lap < 81 ? lap : 161 - lap;
  const row = Math.floor(place / 9);
  const column = row % 2 === 0 ? place % 9 : 8 - (place % 9);
  return { x: (column - 4) * 2, y: (row - 4) * 2 };
}

/** The habits that became done between two views of the same day. */
export function newlyDone(before: WallView | null, after: WallView): string[] {
  if (!before || before.date !== after.date) return [];
  const open = new Set(before.items.filter((item) => !item.done).map((item) => item.habit_id));
  return after.items.filter((item) => item.done && open.has(item.habit_id)).map((item) => item.habit_id);
}

/** Nothing is left to do: done, or resting today. */
export function isSettled(item: TodayItem): boolean {
  return item.done || item.type === "SKIPPED";
}

/** At most eight, the open ones first, and each group in the hub's order. */
export function arrange(items: TodayItem[]): TodayItem[] {
  return [...items.filter((item) => !isSettled(item)), ...items.filter(isSettled)].slice(0, MAX_ITEMS);
}

export interface WallClock {
  time: string;
  date: string;
  hour: number;
}

/** Formats the wall's clock in the hub's zone; formatters are costly, so one set is kept per zone. */
export class Clock {
  private zone: string | undefined;
  private formats: { time: Intl.DateTimeFormat; date: Intl.DateTimeFormat; hour: Intl.DateTimeFormat };

  constructor(private readonly locale: string) {
    this.formats = this.make(undefined);
  }

  at(now: Date, zone: string | undefined): WallClock {
    if (zone !== this.zone) {
      this.zone = zone;
      try {
        this.formats = this.make(zone);
      } catch {
        // A zone this browser does not know: its own is the better guess than none.
        this.formats = this.make(undefined);
      }
    }
    return {
      time: this.formats.time.format(now),
      date: this.formats.date.format(now),
      hour: Number(this.formats.hour.format(now)),
    };
  }

  private make(timeZone: string | undefined) {
    const zone = timeZone === undefined ? {} : { timeZone };
    return {
      time: new Intl.DateTimeFormat(this.locale, { ...zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
      date: new Intl.DateTimeFormat(this.locale, { ...zone, weekday: "long", day: "numeric", month: "long" }),
      hour: new Intl.DateTimeFormat("en-GB", { ...zone, hour: "2-digit", hourCycle: "h23" }),
    };
  }
}

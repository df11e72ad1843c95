import type { Habit, Today, TodayItem } from "../types";
import { staysAway } from "./days";

/** Habits on a watch at once. */
export const ROWS = 3;

/** What was just done, and can be taken back for as long as it stands here. */
export interface Fresh {
  item: TodayItem;
  event: string | null;
}

export type Row = { kind: "open"; item: TodayItem } | { kind: "fresh"; item: TodayItem };

/** The day without what somebody stays away from: a day without a word is kept, so there is nothing to do and to count. */
export function toDo(today: Today, habits: ReadonlyMap<string, Habit>): Today {
  return { ...today, items: today.items.filter((item) => item.kind !== "avoid" && !staysAway(habits.get(item.habit_id))) };
}

function isOpen(item: TodayItem): boolean {
  return item.due && !item.done && item.type !== "SKIPPED";
}

/**
 * The three rows: what was just done stays in its place until its undo has passed, the next open habits fill the rest.
 *
 * `before` is what stood there, so that nothing moves under a finger.
 */
export function rows(today: Today, fresh: ReadonlyMap<string, Fresh>, before: readonly string[]): Row[] {
  const open = today.items.filter((item) => isOpen(item) && !fresh.has(item.habit_id));
  const byId = new Map(open.map((item) => [item.habit_id, item]));
  const kept = before.map((id): Row | null => {
    const done = fresh.get(id);
    if (done) return { kind: "fresh", item: done.item };
    const item = byId.get(id);
    return item ? { kind: "open", item } : null;
  });
  const standing = new Set(before);
  const waiting = open.filter((item) => !standing.has(item.habit_id));
  while (kept.length < ROWS) kept.push(null);
  return kept
    .map((row): Row | null => {
      if (row) return row;
      const item = waiting.shift();
      return item ? { kind: "open", item } : null;
    })
    .filter((row): row is Row => row !== null)
    .slice(0, ROWS);
}

export function tally(today: Today): { done: number; total: number; open: number } {
  const count = today.items.filter((item) => (item.due || item.done) && item.type !== "SKIPPED");
  return { done: count.filter((item) => item.done).length, total: count.length, open: today.items.filter(isOpen).length };
}

import { api, session } from "../session";
import type { DayCell } from "../types";

/** What stands on a habit's days: from the model where it has them, else from the hub. */
export async function cells(habit_id: string, from: string, to: string): Promise<DayCell[]> {
  if (session.model.days) return session.model.days(habit_id, from, to);
  const all: DayCell[] = [];
  for (let next: string | null = from; next !== null; ) {
    const page: { items: DayCell[]; next?: string | null } = await api.get(`/api/habits/${encodeURIComponent(habit_id)}/days?from=${next}&to=${to}`);
    all.push(...page.items);
    next = page.next ?? null;
  }
  return all;
}

/** What stands on one day, and what the habit asked for then: undefined where that cannot be told, which takes nothing from the rest. */
export async function dayOf<T>(habit_id: string, date: string, find: () => Promise<T>): Promise<[DayCell | null, T | undefined]> {
  const [[cell], found] = await Promise.all([cells(habit_id, date, date), find().catch(() => undefined)]);
  return [cell ?? null, found];
}

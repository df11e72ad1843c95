import { api, session } from "../session";
import type { List, Square, Statistics, Today, TodayItem } from "../types";

/** How days went: from the phone's own database where the screens stand on one, else from the hub. */

const kept = async () => (session.kept ? session.sync?.model.past() : undefined);
const of = (habit_id: string) => `/api/habits/${encodeURIComponent(habit_id)}`;

/** A habit's squares. */
export async function squares(habit_id: string, from: string, to: string): Promise<Square[]> {
  return (await kept())?.squares(habit_id, from, to) ?? (await api.get<List<Square>>(`${of(habit_id)}/heatmap?from=${from}&to=${to}`)).items;
}

/** What can be told of how it went: without the hub neither a row of days nor a score, and of a quota nothing. */
export type Told = Pick<Statistics, "rate" | "this_week" | "comeback"> & Partial<Statistics>;

/** How it went, in the hub's words; where the hub is away, as far as the phone can tell. */
export async function statistics(habit_id: string): Promise<Told | null> {
  try {
    return await api.get<Statistics>(`${of(habit_id)}/statistics`);
  } catch (error) {
    const past = await kept();
    if (!past) throw error;
    return past.told(habit_id);
  }
}

/** Whole days of all habits: from the phone; of the hub each is asked for by itself, however many habits there are. */
export async function wholeDays(dates: string[]): Promise<Today[]> {
  const [first, last] = [dates[0], dates.at(-1)];
  if (!first || !last) return [];
  return (await kept())?.days(first, last) ?? Promise.all(dates.map((date) => api.get<Today>(`/api/today?date=${date}`)));
}

/** A habit on a day as it was then; null: it was none of its days, and nothing stands on it. */
export async function asItWas(habit_id: string, date: string): Promise<TodayItem | null> {
  return (await wholeDays([date]))[0]?.items.find((item) => item.habit_id === habit_id) ?? null;
}

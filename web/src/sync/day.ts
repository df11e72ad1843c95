import { inOrder } from "../rules";
import type { DayType, Habit, HabitKind, Today, TodayItem } from "../types";
import { type Day, type Person, toDay, toText } from "./calendar";
import { type Marks, Plan } from "./due";
import type { CellRow, HabitRow, PauseRow, ScheduleRow } from "./rows";

/** A person's day, made of the rows the phone keeps: the same view that the hub's `/api/today` gives. */

/** What a day is made of. Rows of other habits do no harm. */
export interface DayRows {
  habits: HabitRow[];
  schedules: ScheduleRow[];
  pauses: PauseRow[];
  /** The day's cells, and those of the periods of habits with a quota. */
  cells: CellRow[];
}

/** Whose cell a person's deed goes into: their own where everyone does a shared habit, else the one of all. */
export function actorOf(habit: Pick<HabitRow, "scope" | "completion_mode">, me: string): string {
  return habit.scope?.startsWith("h:") && habit.completion_mode === "EVERYONE" ? me : "";
}

const TYPES = ["FULL", "PARTIAL", "SKIPPED", "MISSED"];

/** How a cell stands; null where it holds words alone. */
export function typeOf(cell: Pick<CellRow, "type"> | undefined): DayType | null {
  return TYPES.includes(cell?.type ?? "") ? (cell?.type as DayType) : null;
}

export function planOf(habit: HabitRow, rows: DayRows, person: Person): Plan {
  return new Plan(habit, rows.schedules, rows.pauses, person);
}

/** One habit on one day. */
export function itemOf(habit: HabitRow, plan: Plan, cells: CellRow[], day: Day): TodayItem {
  const date = toText(day);
  const marks: Marks = new Map();
  for (const cell of cells) {
    const of = toDay(cell.date);
    const mark = of === null ? null : plan.mark(of, cell.type, cell.source);
    if (of !== null && mark) marks.set(of, mark);
  }
  const cell = cells.find((cell) => cell.date === date);
  const schedule = plan.on(day);
  const counted = schedule.kind === "measurable";
  const type = typeOf(cell);
  const quota = plan.quota(day, marks);
  return {
    habit_id: habit.id,
    name: habit.name ?? "",
    kind: schedule.kind as HabitKind,
    due: plan.due(day, marks),
    // Part of it counts; an amount goes on until its target.
    done: type === "FULL" || (type === "PARTIAL" && !counted),
    type,
    value: counted ? (cell?.amount ?? 0) : null,
    target: counted ? schedule.target : null,
    unit: schedule.unit,
    date,
    ...(quota ? { quota } : {}),
    ...(cell?.note ? { noted: true } : {}),
  };
}

/** The cells of one habit that say something to this person: of what everyone does, their own. */
export function cellsOf(habit: HabitRow, rows: DayRows, me: string): CellRow[] {
  const actor = actorOf(habit, me);
  return rows.cells.filter((cell) => cell.habit_id === habit.id && (cell.actor ?? "") === actor);
}

/** What is due on a day, or stands there anyway, in the person's order. */
export function todayOf(rows: DayRows, person: Person, me: string, day: Day): Today {
  const items = inOrder(rows.habits).map((habit) => itemOf(habit, planOf(habit, rows, person), cellsOf(habit, rows, me), day));
  return { date: toText(day), items: items.filter((item) => item.due || item.type !== null) };
}

/** A habit as screens know it: what a row that was made here does not say yet has the hub's presets. */
export function habitOf(row: HabitRow): Habit {
  return {
    ...row,
    name: row.name ?? "",
    anchor_behavior: row.anchor_behavior ?? "",
    anchor_type: (row.anchor_type ?? "AFTER_BEHAVIOR") as Habit["anchor_type"],
    kind: (row.kind ?? "boolean") as HabitKind,
    frequency: (row.frequency ?? "DAILY") as Habit["frequency"],
    step: row.step ?? 1,
    micro_active: row.micro_active ?? 0,
    freq_num: row.freq_num ?? 1,
    freq_den: row.freq_den ?? 1,
    freq_window: (row.freq_window ?? "calendar") as Habit["freq_window"],
    target_type: (row.target_type ?? "at_least") as Habit["target_type"],
    status: (row.status ?? "ACTIVE") as Habit["status"],
  };
}

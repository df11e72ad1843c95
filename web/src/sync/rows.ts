/** The rows the phone keeps, as far as it reads them: the columns of `docs/sync/schema.js`. Any column may be null. */

/** What is asked for, now or since a day: columns that habits and their dated schedules share. */
interface Asked {
  kind: string | null;
  frequency: string | null;
  active_days: string | null;
  freq_num: number | null;
  freq_den: number | null;
  freq_window: string | null;
  target_type: string | null;
  target_value: number | null;
  unit: string | null;
}

export interface HabitRow extends Asked {
  id: string;
  scope: string | null;
  user_id: string | null;
  created_at: number | null;
  name: string | null;
  anchor_behavior: string | null;
  anchor_type: string | null;
  step: number | null;
  status: string | null;
  start_date: string | null;
  sort_key: string | null;
  completion_mode: string | null;
  micro_version: string | null;
  micro_active: number | null;
}

export interface ScheduleRow extends Asked {
  habit_id: string | null;
  valid_from: string | null;
}

export interface PauseRow {
  habit_id: string | null;
  from_date: string | null;
  to_date: string | null;
}

/** A day of a habit. */
export interface CellRow {
  id: string;
  habit_id: string;
  date: string;
  actor: string | null;
  type: string | null;
  partial_percent: number | null;
  amount: number | null;
  skip_reason: string | null;
  energy_level: number | null;
  note: string | null;
  source: string | null;
}

export interface ProfileRow {
  id: string;
  display_name: string | null;
  tz: string | null;
  day_start_min: number | null;
  week_start: number | null;
}

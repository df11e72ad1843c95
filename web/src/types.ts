/** The shapes the hub speaks over REST and the websocket. Nothing else in the app names a wire field. */

export type HabitKind = "boolean" | "measurable" | "avoid";
export type DayType = "FULL" | "PARTIAL" | "SKIPPED" | "MISSED";

/** One habit as the day sees it (`GET /api/today`, the websocket's `today`). */
export interface TodayItem {
  habit_id: string;
  name: string;
  kind: HabitKind;
  due: boolean;
  done: boolean;
  type: DayType | null;
  value: number | null;
  target: number | null;
  unit: string | null;
  date: string;
}

export interface List<T> {
  items: T[];
  next: unknown;
}

/** A person's day. */
export interface Today {
  date: string;
  items: TodayItem[];
}

/** What a display gets instead of `Today`: already counted and cut to eight. */
export interface WallView {
  date: string;
  time_zone: string;
  done: number;
  total: number;
  /** Habits beyond the eight shown. */
  more: number;
  items: TodayItem[];
}

/** The columns of a habit row the app reads; the hub sends more. */
export interface Habit {
  id: string;
  name: string;
  anchor_behavior: string;
  anchor_type: "AFTER_BEHAVIOR" | "BEFORE_BEHAVIOR" | "AT_LOCATION" | "AT_TIME";
  kind: HabitKind;
  target_value: number | null;
  unit: string | null;
  step: number | null;
  frequency: Frequency;
  /** With `CUSTOM`: the days, as JSON; 1 is Monday. */
  active_days: string | null;
  /** A quota: `freq_num` times in `freq_den` days. */
  freq_num: number | null;
  freq_den: number | null;
  freq_window: "calendar" | "rolling" | null;
  target_type: "at_least" | "at_most" | null;
  status: "ACTIVE" | "PAUSED" | "ARCHIVED";
}

export type Frequency = "DAILY" | "WEEKDAYS" | "WEEKENDS" | "CUSTOM";

/** Columns of a habit that are to change; null empties one. */
export type HabitPatch = { [Column in keyof Habit]?: Habit[Column] | null };

export interface NewHabit {
  name: string;
  anchor_behavior: string;
  kind?: HabitKind;
  target_value?: number;
  unit?: string;
  frequency?: Frequency;
}

/** The answer to complete, skip and undo, over REST and over the websocket. */
export interface Receipt {
  seq: number;
  outcome: "applied" | "duplicate" | "unchanged";
  event_id: string | null;
  habit: TodayItem;
}

export type HabitCommand = "complete" | "skip" | "undo" | "lapse";

export interface TokenAnswer {
  access_token: string;
  expires_in: number;
  user_id: string;
}

export interface Me {
  user_id: string;
  email: string;
  display_name: string;
  role: string;
  tz: string;
  day_start_min: number;
  week_start: number;
}

export interface Binding {
  trigger: string;
  button: string;
  action: string;
  habit_id?: string | null;
  routine_id?: string | null;
  value?: number | null;
  act_as?: string | null;
}

export interface Device {
  device_id: string;
  name: string;
  kind: string;
  status: string;
  last_seen_at: number | string | null;
  battery_pct: number | null;
  online: boolean;
  bindings: Binding[];
}

/** Shown once, when a device is added. */
export interface DeviceCredentials {
  device_id: string;
  username: string;
  password: string;
  topic: string;
}

export interface DisplayOffer {
  code: string;
  poll_secret: string;
  expires_in: number;
}

export type DisplayPoll = { status: "waiting" } | { status: "approved"; token: string };

/** A place in the hub's log; the epoch changes when the log itself was replaced. */
export interface Position {
  epoch: string;
  seq: number;
}

export interface ChangeEvent {
  seq: number;
  table: string;
  op: string;
  row: unknown;
}

export interface TableRow {
  table: string;
  row: unknown;
}

export interface WireError {
  code: string;
  message: string;
  details?: Record<string, unknown>;
}

export interface SubscribeResult<T> {
  epoch: string;
  seq: number;
  rows?: TableRow[];
  today?: T;
}

/** Everything the hub says on the websocket. */
export type ServerMessage<T> =
  | { type: "auth_required" }
  | { type: "auth_ok" }
  | { type: "auth_invalid"; message?: string }
  | { type: "pong"; id?: number }
  | { type: "result"; id: number; success: true; result: unknown }
  | { type: "result"; id: number; success: false; error: WireError }
  | { type: "event"; id: number; event: ChangeEvent }
  | { type: "today"; id: number; today: T };

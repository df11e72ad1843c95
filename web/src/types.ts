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
  /** How far its quota is met in the period of the day. */
  quota?: Quota;
  /** Whether somebody wrote a note on the day; likewise. */
  noted?: boolean;
}

/** So many days of `of` in a period of `days`. */
export interface Quota {
  done: number;
  of: number;
  days: number;
  rolling: boolean;
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
  /** The smallest version that still counts, and whether it is the current one (0 or 1). */
  micro_version: string | null;
  micro_active: number | null;
  /** The first day that may ask for anything. */
  start_date: string | null;
  /** Its place in lists, as text; without one, habits stand in the order in which they were made. */
  sort_key: string | null;
  created_at: number | null;
}

export type Frequency = "DAILY" | "WEEKDAYS" | "WEEKENDS" | "CUSTOM";

/** Columns of a habit that are to change; null empties one. */
export type HabitPatch = { [Column in keyof Habit]?: Habit[Column] | null };

export interface NewHabit extends HabitPatch {
  name: string;
  anchor_behavior: string;
}

/** What stands on a day of a habit (`GET /api/habits/{id}/days`); `type` is null where somebody only wrote words. */
export interface DayCell {
  date: string;
  type: DayType | null;
  percent: number | null;
  value: number | null;
  skip_reason: string | null;
  note: string | null;
  /** Who or what it came from: `app`, `device`, `mirror`, `engine`, … */
  source: string;
}

/** One fact of a day, also one that was taken back. */
export interface DayEvent {
  id: string;
  verb: string;
  value: number | null;
  undo_of: string | null;
  occurred_at: number | null;
  source: string;
  skip_reason: string | null;
}

/** One day of a heatmap. */
export interface Square {
  date: string;
  due: boolean;
  state: "done" | "skipped" | "paused" | "open" | "none";
}

export interface Share {
  done: number;
  asked: number;
  /** 0 to 1; null when nothing was asked for. */
  share: number | null;
}

export interface Statistics {
  from: string;
  to: string;
  rate: Share;
  this_week: Share;
  comeback: { comebacks: number; median_days: number | null; within_threshold: number | null };
  phase: string;
  /** Only for who asked for them in their preferences. */
  streak?: { current: number; best: number } | null;
  score?: number | null;
}

/** Days on which nothing is asked for; of one habit, or of all. */
export interface NewBreak {
  habit_id: string | null;
  from_date: string;
  to_date: string | null;
  reason: string | null;
}

export interface Break extends NewBreak {
  id: string;
}

export type WayBack = "RESUME" | "SIMPLIFY" | "PAUSE" | "ARCHIVE" | "FRESH_START";

/** An offer of a way back. */
export interface Offer {
  id: string;
  habit_id: string;
  habit_name: string | null;
  type: "LAPSE" | "RELAPSE";
  gap_start: string;
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

export type PartOfDay = "MORNING" | "AFTERNOON" | "EVENING" | "ANYTIME" | "DEPARTURE";

/** A routine without its steps (`GET /api/routines`). */
export interface RoutineRow {
  id: string;
  name: string;
  category: PartOfDay;
  status: "ACTIVE" | "PAUSED" | "ARCHIVED";
}

export interface RoutineStep {
  habit_id: string;
  name: string;
  /** How long it is meant to take: the override, else the habit's own. */
  seconds: number | null;
  override_duration_seconds: number | null;
  /** Null: every variant has it; none: the whole routine alone. */
  variant_ids: string[] | null;
  /** It can be done now; one on a break is stepped over. */
  active: boolean;
}

export interface RoutineVariant {
  id: string;
  name: string;
  is_default: boolean | number;
}

export interface Routine extends RoutineRow {
  steps: RoutineStep[];
  variants: RoutineVariant[];
}

export type StepResult = "done" | "partial" | "skip";

export interface RunStep {
  habit_id: string;
  name: string | null;
  result: StepResult | null;
  value: number | null;
  /** When it was answered; the event it becomes happened then. */
  at: number | null;
  seconds: number | null;
}

/** One way through a routine. */
export interface Run {
  id: string;
  routine_id: string;
  routine: string | null;
  status: "IN_PROGRESS" | "PAUSED" | "COMPLETED" | "ABANDONED";
  current_step_index: number;
  current_step_remaining_seconds: number | null;
  current: { habit_id: string; name: string; seconds: number | null; began_at: number | null } | null;
  steps: RunStep[];
  recorded: number;
}

export interface RunAnswer {
  outcome: "applied" | "duplicate" | "unchanged";
  message: string | null;
  run: Run;
}

/** An account as an administrator sees it. */
export interface Person {
  user_id: string;
  email: string;
  display_name: string;
  role: string;
  disabled: boolean;
  /** Their account goes when nothing of theirs is left. */
  leaving: boolean;
  created_at: number;
}

export interface ApiToken {
  id: string;
  name: string;
  created_at: number;
  last_used_at: number | null;
}

export interface Backup {
  name: string;
  at: number;
  bytes: number;
  /** Null while the hub has not looked. */
  verified: boolean | null;
}

export interface Health {
  status: string;
  version: string;
  components: Record<string, { status: string; reason?: string | null }>;
}

export interface Outlook {
  source: string;
  habits: number;
  entries: number;
  skips: number;
  first: string | null;
  last: string | null;
  unknowns: number;
  remarks: string[];
  more_remarks: number;
}

export interface Import {
  id: string | null;
  state: "dry_run" | "running" | "done" | "unchanged" | "refused" | "undone";
  done: number;
  total: number;
  source?: string | null;
  habits?: number | null;
  entries?: number | null;
  at?: number | null;
  message?: string | null;
  outlook?: Outlook;
}

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

/** How the hub stands with its server (`GET /api/sync/status`). */
export interface Standing {
  state: "not_configured" | "synced" | "syncing" | "pending" | "offline" | "error";
  pending: number;
  last_sync_at: number | null;
  message: string;
  /** For administrators: its address, without the password. */
  server?: string;
  /** For administrators: this hub is a server for others. */
  relay?: boolean;
  /** For administrators: the hub's configuration names the server, and it is changed there. */
  fixed?: boolean;
}

/** What opens an account (`GET /api/me/identities`). */
export interface Links {
  /** Which server keeps the accounts of this hub; null: the hub itself. */
  provider: string | null;
  /** A password of this hub's own opens it. */
  has_password: boolean;
  items: Link[];
}

export interface Link {
  provider: string;
  subject: string;
  linked_at: number;
  /** Nothing else opens the account: parting takes the password there, and a new one. */
  only_way_in: boolean;
}

/** Where a server is; a hub that is one asks for a code. */
export interface ServerPlace {
  url: string;
  code?: string;
}

export interface ServerTest {
  result: string;
  message: string;
}

/** How many rows of somebody there are on each side of a merge that has not happened. */
interface Meeting {
  rows_here: number;
  rows_there: number;
  in_both: number;
  differ: number;
}

export interface MergePreview {
  server: string;
  is_empty: boolean;
  people: (Meeting & { user_id: string; display_name: string | null })[];
  households: (Meeting & { household_id: string; name: string | null })[];
}

/** Lets another hub connect to this one, once. */
export interface HouseCode {
  code: string;
  expires_at: number;
  /** This hub's address as other houses reach it, as far as its settings tell. */
  address: string | null;
}

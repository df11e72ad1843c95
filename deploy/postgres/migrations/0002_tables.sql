-- The synced tables, from their one description in kairos-core (hub/core/src/schema). Written once; what comes later
-- comes in later migrations, and a test there says what they lack.

-- A person's profile: name, time zone, start of the day. Its id is the person's.
CREATE TABLE kairos.users (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  display_name text,
  avatar_color text,
  tz text DEFAULT 'UTC',
  day_start_min bigint DEFAULT 0,
  week_start bigint DEFAULT 1,
  locale text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX users_scope ON kairos.users (scope, seq);

-- What a person likes to see and hear. Its id is derived from the person.
CREATE TABLE kairos.user_preferences (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  notification_enabled bigint DEFAULT 1,
  default_reminder_time text,
  theme text DEFAULT 'SYSTEM',
  energy_tracking_enabled bigint DEFAULT 0,
  quiet_start text,
  quiet_end text,
  notification_channels text,
  show_streaks bigint DEFAULT 0,
  show_score bigint DEFAULT 0,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX user_preferences_scope ON kairos.user_preferences (scope, seq);

-- What a person or a household wants to do.
CREATE TABLE kairos.habits (
  id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  scope text NOT NULL,
  user_id text NOT NULL,
  household_id text,
  name text,
  description text,
  question text,
  icon text,
  color text,
  anchor_behavior text DEFAULT '',
  anchor_type text DEFAULT 'AFTER_BEHAVIOR',
  time_window_start text,
  time_window_end text,
  category text DEFAULT 'ANYTIME',
  frequency text DEFAULT 'DAILY',
  active_days text,
  kind text DEFAULT 'boolean',
  target_type text DEFAULT 'at_least',
  target_value double precision,
  unit text,
  step double precision DEFAULT 1.0,
  freq_num bigint DEFAULT 1,
  freq_den bigint DEFAULT 1,
  freq_window text DEFAULT 'calendar',
  estimated_seconds bigint DEFAULT 300,
  micro_version text,
  micro_active bigint DEFAULT 0,
  allow_partial bigint DEFAULT 1,
  subtasks text,
  lapse_threshold_days bigint DEFAULT 3,
  relapse_threshold_days bigint DEFAULT 7,
  allowed_skips_per_week bigint DEFAULT 2,
  phase text DEFAULT 'ONBOARD',
  status text DEFAULT 'ACTIVE',
  paused_at bigint,
  archived_at bigint,
  completion_mode text,
  assigned_to text,
  rotation_config text,
  start_date text,
  sort_key text,
  derived_from text,
  import_ref text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX habits_scope ON kairos.habits (scope, seq);

-- What a habit asks for from a day on, so that a change leaves the past as it was. Its id is derived from habit and day.
CREATE TABLE kairos.habit_schedules (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  habit_id text,
  valid_from text,
  valid_to text,
  frequency text DEFAULT 'DAILY',
  active_days text,
  freq_num bigint DEFAULT 1,
  freq_den bigint DEFAULT 1,
  freq_window text DEFAULT 'calendar',
  target_type text DEFAULT 'at_least',
  target_value double precision,
  unit text,
  kind text,
  lapse_threshold_days bigint,
  relapse_threshold_days bigint,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX habit_schedules_scope ON kairos.habit_schedules (scope, seq);
CREATE INDEX habit_schedules_habit ON kairos.habit_schedules (habit_id);

-- A break: of one habit, or of all of a person's (a vacation). Nothing is asked for meanwhile.
CREATE TABLE kairos.pauses (
  id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  scope text NOT NULL,
  user_id text NOT NULL,
  habit_id text,
  from_date text,
  to_date text,
  reason text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX pauses_scope ON kairos.pauses (scope, seq);

-- One habit on one day for one actor: a fold of completion_events. Its id is derived from habit, date and actor.
CREATE TABLE kairos.completions (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  habit_id text,
  date text,
  actor text DEFAULT '',
  completed_by text,
  completed_at bigint,
  type text,
  partial_percent bigint,
  amount double precision,
  skip_reason text,
  energy_level bigint,
  note text,
  source text,
  device_id text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX completions_scope ON kairos.completions (scope, seq);
CREATE INDEX completions_habit ON kairos.completions (habit_id, date);

-- What people did, one row a deed, never changed: the truth from which day cells follow.
CREATE TABLE kairos.completion_events (
  id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  scope text NOT NULL,
  user_id text NOT NULL,
  habit_id text,
  date text,
  actor text DEFAULT '',
  verb text,
  value double precision,
  undo_of text,
  skip_reason text,
  occurred_at bigint DEFAULT kairos.now_ms(),
  time_source text DEFAULT 'hub',
  tz text DEFAULT 'UTC',
  tz_offset_min bigint DEFAULT 0,
  source text DEFAULT 'api',
  device_id text,
  press_id text,
  note text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX completion_events_scope ON kairos.completion_events (scope, seq);
CREATE INDEX completion_events_habit ON kairos.completion_events (habit_id, date);

-- An offer of help after some days without a deed. Its id is derived from habit, actor and the first of those days.
CREATE TABLE kairos.recovery_sessions (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  habit_id text,
  actor text DEFAULT '',
  type text DEFAULT 'LAPSE',
  status text DEFAULT 'PENDING',
  action text,
  completed_at bigint,
  answered_by text,
  answered_on text,
  triggered_at bigint,
  blockers text,
  notes text,
  gap_start text,
  gap_end text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX recovery_sessions_scope ON kairos.recovery_sessions (scope, seq);

-- Habits that are done in a row.
CREATE TABLE kairos.routines (
  id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  scope text NOT NULL,
  user_id text NOT NULL,
  household_id text,
  name text,
  description text,
  icon text,
  color text,
  category text DEFAULT 'ANYTIME',
  status text DEFAULT 'ACTIVE',
  sort_key text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX routines_scope ON kairos.routines (scope, seq);

-- A habit's place in a routine. Its id is derived from both.
CREATE TABLE kairos.routine_habits (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  routine_id text,
  habit_id text,
  order_index bigint DEFAULT 0,
  sort_key text,
  override_duration_seconds bigint,
  variant_ids text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX routine_habits_scope ON kairos.routine_habits (scope, seq);

-- A shorter or longer way through a routine.
CREATE TABLE kairos.routine_variants (
  id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  scope text NOT NULL,
  user_id text NOT NULL,
  routine_id text,
  name text,
  estimated_minutes bigint DEFAULT 15,
  is_default bigint DEFAULT 0,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX routine_variants_scope ON kairos.routine_variants (scope, seq);

-- One run through a routine, step by step.
CREATE TABLE kairos.routine_executions (
  id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  scope text NOT NULL,
  user_id text NOT NULL,
  routine_id text,
  variant_id text,
  started_at bigint,
  completed_at bigint,
  status text DEFAULT 'IN_PROGRESS',
  current_step_index bigint DEFAULT 0,
  current_step_remaining_seconds bigint,
  paused_at bigint,
  total_paused_seconds bigint DEFAULT 0,
  step_results text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX routine_executions_scope ON kairos.routine_executions (scope, seq);

-- Buttons, boards and displays. Their secrets stay on the hub that serves them.
CREATE TABLE kairos.devices (
  id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  scope text NOT NULL,
  user_id text NOT NULL,
  household_id text,
  name text,
  kind text,
  hub_id text,
  hw_id text,
  model text,
  fw_version text,
  status text DEFAULT 'active',
  paired_at bigint,
  battery_pct bigint,
  config text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX devices_scope ON kairos.devices (scope, seq);

-- What a trigger of a device does. Its id is derived from device, button and trigger.
CREATE TABLE kairos.device_bindings (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  device_id text,
  button text DEFAULT '1',
  trigger_key text,
  action text,
  habit_id text,
  routine_id text,
  value double precision,
  act_as text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX device_bindings_scope ON kairos.device_bindings (scope, seq);

-- People who share habits. Lives in its own scope, h:<id>.
CREATE TABLE kairos.households (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  name text,
  created_by text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX households_scope ON kairos.households (scope, seq);

-- A member of a household: user_id is the member. Its id is derived from household and member; a deleted row is one who left.
CREATE TABLE kairos.household_members (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  household_id text,
  role text DEFAULT 'member',
  display_name text,
  joined_at bigint,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX household_members_scope ON kairos.household_members (scope, seq);

-- A value that lost a merge unseen, or an upload that could not be applied. Nothing is lost: either can be restored.
CREATE TABLE kairos.conflicts (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  kind text,
  table_name text,
  row_id text,
  column_name text,
  lost_value text,
  kept_value text,
  lost_hlc text,
  kept_hlc text,
  reason text,
  operations text,
  client_id text,
  status text DEFAULT 'OPEN',
  settled_at bigint,
  settled_by text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX conflicts_scope ON kairos.conflicts (scope, seq);

-- Another id under which a person's client wrote a row whose id is derived: what is still queued under it reaches the row. Its own id is derived from person, table and that other id.
CREATE TABLE kairos.id_aliases (
  id text PRIMARY KEY,
  scope text NOT NULL,
  user_id text NOT NULL,
  table_name text,
  row_id text,
  alias text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  hlc text NOT NULL,
  deleted_at bigint,
  extra jsonb,
  _clk jsonb,
  seq bigint NOT NULL DEFAULT 0
);
CREATE INDEX id_aliases_scope ON kairos.id_aliases (scope, seq);


INSERT INTO kairos.registers (tbl, col, register, derived, fixed, needed, folded) VALUES
  ('users', 'display_name', 'display_name', false, false, false, false),
  ('users', 'avatar_color', 'avatar_color', false, false, false, false),
  ('users', 'tz', 'tz', false, false, false, false),
  ('users', 'day_start_min', 'day_start_min', false, false, false, false),
  ('users', 'week_start', 'week_start', false, false, false, false),
  ('users', 'locale', 'locale', false, false, false, false),
  ('user_preferences', 'notification_enabled', 'notification_enabled', false, false, false, false),
  ('user_preferences', 'default_reminder_time', 'default_reminder_time', false, false, false, false),
  ('user_preferences', 'theme', 'theme', false, false, false, false),
  ('user_preferences', 'energy_tracking_enabled', 'energy_tracking_enabled', false, false, false, false),
  ('user_preferences', 'quiet_start', 'quiet', false, false, false, false),
  ('user_preferences', 'quiet_end', 'quiet', false, false, false, false),
  ('user_preferences', 'notification_channels', 'notification_channels', false, false, false, false),
  ('user_preferences', 'show_streaks', 'show_streaks', false, false, false, false),
  ('user_preferences', 'show_score', 'show_score', false, false, false, false),
  ('habits', 'household_id', 'household_id', false, false, false, false),
  ('habits', 'name', 'name', false, false, true, false),
  ('habits', 'description', 'description', false, false, false, false),
  ('habits', 'question', 'question', false, false, false, false),
  ('habits', 'icon', 'icon', false, false, false, false),
  ('habits', 'color', 'color', false, false, false, false),
  ('habits', 'anchor_behavior', 'anchor_behavior', false, false, false, false),
  ('habits', 'anchor_type', 'anchor_type', false, false, false, false),
  ('habits', 'time_window_start', 'time_window_start', false, false, false, false),
  ('habits', 'time_window_end', 'time_window_end', false, false, false, false),
  ('habits', 'category', 'category', false, false, false, false),
  ('habits', 'frequency', 'frequency', false, false, false, false),
  ('habits', 'active_days', 'active_days', false, false, false, false),
  ('habits', 'kind', 'measure', false, false, false, true),
  ('habits', 'target_type', 'measure', false, false, false, true),
  ('habits', 'target_value', 'measure', false, false, false, true),
  ('habits', 'unit', 'unit', false, false, false, false),
  ('habits', 'step', 'step', false, false, false, false),
  ('habits', 'freq_num', 'quota', false, false, false, false),
  ('habits', 'freq_den', 'quota', false, false, false, false),
  ('habits', 'freq_window', 'quota', false, false, false, false),
  ('habits', 'estimated_seconds', 'estimated_seconds', false, false, false, false),
  ('habits', 'micro_version', 'micro_version', false, false, false, false),
  ('habits', 'micro_active', 'micro_active', false, false, false, false),
  ('habits', 'allow_partial', 'allow_partial', false, false, false, false),
  ('habits', 'subtasks', 'subtasks', false, false, false, false),
  ('habits', 'lapse_threshold_days', 'thresholds', false, false, false, false),
  ('habits', 'relapse_threshold_days', 'thresholds', false, false, false, false),
  ('habits', 'allowed_skips_per_week', 'allowed_skips_per_week', false, false, false, false),
  ('habits', 'phase', 'phase', false, false, false, false),
  ('habits', 'status', 'status', false, false, false, false),
  ('habits', 'paused_at', 'status', false, false, false, false),
  ('habits', 'archived_at', 'status', false, false, false, false),
  ('habits', 'completion_mode', 'completion_mode', false, false, false, true),
  ('habits', 'assigned_to', 'assigned_to', false, false, false, false),
  ('habits', 'rotation_config', 'rotation_config', false, false, false, false),
  ('habits', 'start_date', 'start_date', false, false, false, false),
  ('habits', 'sort_key', 'sort_key', false, false, false, false),
  ('habits', 'derived_from', 'derived_from', false, false, false, false),
  ('habits', 'import_ref', 'import_ref', false, false, false, false),
  ('habit_schedules', 'habit_id', 'habit_id', false, false, true, true),
  ('habit_schedules', 'valid_from', 'valid_from', false, false, true, true),
  ('habit_schedules', 'valid_to', 'valid_to', false, false, false, false),
  ('habit_schedules', 'frequency', 'days', false, false, false, false),
  ('habit_schedules', 'active_days', 'days', false, false, false, false),
  ('habit_schedules', 'freq_num', 'quota', false, false, false, false),
  ('habit_schedules', 'freq_den', 'quota', false, false, false, false),
  ('habit_schedules', 'freq_window', 'quota', false, false, false, false),
  ('habit_schedules', 'target_type', 'measure', false, false, false, true),
  ('habit_schedules', 'target_value', 'measure', false, false, false, true),
  ('habit_schedules', 'unit', 'measure', false, false, false, false),
  ('habit_schedules', 'kind', 'measure', false, false, false, true),
  ('habit_schedules', 'lapse_threshold_days', 'thresholds', false, false, false, false),
  ('habit_schedules', 'relapse_threshold_days', 'thresholds', false, false, false, false),
  ('pauses', 'habit_id', 'habit_id', false, false, false, false),
  ('pauses', 'from_date', 'span', false, false, true, false),
  ('pauses', 'to_date', 'span', false, false, false, false),
  ('pauses', 'reason', 'reason', false, false, false, false),
  ('completions', 'habit_id', 'habit_id', false, true, true, false),
  ('completions', 'date', 'date', false, true, true, false),
  ('completions', 'actor', 'actor', false, true, false, false),
  ('completions', 'completed_by', 'completed_by', true, false, false, false),
  ('completions', 'completed_at', 'completed_at', true, false, false, false),
  ('completions', 'type', 'type', true, false, false, false),
  ('completions', 'partial_percent', 'partial_percent', true, false, false, false),
  ('completions', 'amount', 'amount', true, false, false, false),
  ('completions', 'skip_reason', 'skip_reason', true, false, false, false),
  ('completions', 'energy_level', 'energy_level', false, false, false, true),
  ('completions', 'note', 'note', false, false, false, true),
  ('completions', 'source', 'source', true, false, false, false),
  ('completions', 'device_id', 'device_id', true, false, false, false),
  ('completion_events', 'habit_id', 'habit_id', false, true, true, true),
  ('completion_events', 'date', 'date', false, true, true, true),
  ('completion_events', 'actor', 'actor', false, true, false, true),
  ('completion_events', 'verb', 'verb', false, true, true, true),
  ('completion_events', 'value', 'value', false, true, false, true),
  ('completion_events', 'undo_of', 'undo_of', false, true, false, true),
  ('completion_events', 'skip_reason', 'skip_reason', false, true, false, true),
  ('completion_events', 'occurred_at', 'occurred_at', false, true, true, true),
  ('completion_events', 'time_source', 'time_source', false, true, true, true),
  ('completion_events', 'tz', 'tz', false, true, true, true),
  ('completion_events', 'tz_offset_min', 'tz_offset_min', false, true, true, true),
  ('completion_events', 'source', 'source', false, true, true, true),
  ('completion_events', 'device_id', 'device_id', false, true, false, true),
  ('completion_events', 'press_id', 'press_id', false, true, false, true),
  ('completion_events', 'note', 'note', false, true, false, true),
  ('recovery_sessions', 'habit_id', 'habit_id', false, false, true, false),
  ('recovery_sessions', 'actor', 'actor', false, false, false, false),
  ('recovery_sessions', 'type', 'type', false, false, false, false),
  ('recovery_sessions', 'status', 'answer', false, false, false, false),
  ('recovery_sessions', 'action', 'answer', false, false, false, false),
  ('recovery_sessions', 'completed_at', 'answer', false, false, false, false),
  ('recovery_sessions', 'answered_by', 'answer', false, false, false, false),
  ('recovery_sessions', 'answered_on', 'answer', false, false, false, false),
  ('recovery_sessions', 'triggered_at', 'triggered_at', false, false, true, false),
  ('recovery_sessions', 'blockers', 'blockers', false, false, false, false),
  ('recovery_sessions', 'notes', 'notes', false, false, false, false),
  ('recovery_sessions', 'gap_start', 'gap_start', false, false, true, false),
  ('recovery_sessions', 'gap_end', 'gap_end', false, false, false, false),
  ('routines', 'household_id', 'household_id', false, false, false, false),
  ('routines', 'name', 'name', false, false, true, false),
  ('routines', 'description', 'description', false, false, false, false),
  ('routines', 'icon', 'icon', false, false, false, false),
  ('routines', 'color', 'color', false, false, false, false),
  ('routines', 'category', 'category', false, false, false, false),
  ('routines', 'status', 'status', false, false, false, false),
  ('routines', 'sort_key', 'sort_key', false, false, false, false),
  ('routine_habits', 'routine_id', 'routine_id', false, false, true, false),
  ('routine_habits', 'habit_id', 'habit_id', false, false, true, false),
  ('routine_habits', 'order_index', 'order_index', false, false, false, false),
  ('routine_habits', 'sort_key', 'sort_key', false, false, true, false),
  ('routine_habits', 'override_duration_seconds', 'override_duration_seconds', false, false, false, false),
  ('routine_habits', 'variant_ids', 'variant_ids', false, false, false, false),
  ('routine_variants', 'routine_id', 'routine_id', false, false, true, false),
  ('routine_variants', 'name', 'name', false, false, true, false),
  ('routine_variants', 'estimated_minutes', 'estimated_minutes', false, false, false, false),
  ('routine_variants', 'is_default', 'is_default', false, false, false, false),
  ('routine_executions', 'routine_id', 'routine_id', false, false, true, false),
  ('routine_executions', 'variant_id', 'variant_id', false, false, false, false),
  ('routine_executions', 'started_at', 'started_at', false, false, true, false),
  ('routine_executions', 'completed_at', 'run', false, false, false, false),
  ('routine_executions', 'status', 'run', false, false, false, false),
  ('routine_executions', 'current_step_index', 'run', false, false, false, false),
  ('routine_executions', 'current_step_remaining_seconds', 'run', false, false, false, false),
  ('routine_executions', 'paused_at', 'run', false, false, false, false),
  ('routine_executions', 'total_paused_seconds', 'run', false, false, false, false),
  ('routine_executions', 'step_results', 'run', false, false, false, false),
  ('devices', 'household_id', 'household_id', false, false, false, false),
  ('devices', 'name', 'name', false, false, true, false),
  ('devices', 'kind', 'kind', false, false, true, false),
  ('devices', 'hub_id', 'hub_id', false, false, false, false),
  ('devices', 'hw_id', 'hw_id', false, false, false, false),
  ('devices', 'model', 'model', false, false, false, false),
  ('devices', 'fw_version', 'fw_version', false, false, false, false),
  ('devices', 'status', 'status', false, false, false, false),
  ('devices', 'paired_at', 'paired_at', false, false, false, false),
  ('devices', 'battery_pct', 'battery_pct', false, false, false, false),
  ('devices', 'config', 'config', false, false, false, false),
  ('device_bindings', 'device_id', 'device_id', false, false, true, false),
  ('device_bindings', 'button', 'button', false, false, false, false),
  ('device_bindings', 'trigger_key', 'trigger_key', false, false, true, false),
  ('device_bindings', 'action', 'does', false, false, true, false),
  ('device_bindings', 'habit_id', 'does', false, false, false, false),
  ('device_bindings', 'routine_id', 'does', false, false, false, false),
  ('device_bindings', 'value', 'does', false, false, false, false),
  ('device_bindings', 'act_as', 'does', false, false, false, false),
  ('households', 'name', 'name', false, false, true, false),
  ('households', 'created_by', 'created_by', false, false, false, false),
  ('household_members', 'household_id', 'household_id', false, false, true, false),
  ('household_members', 'role', 'role', false, false, false, false),
  ('household_members', 'display_name', 'display_name', false, false, false, false),
  ('household_members', 'joined_at', 'joined_at', false, false, false, false),
  ('conflicts', 'kind', 'kind', false, false, true, false),
  ('conflicts', 'table_name', 'table_name', false, false, false, false),
  ('conflicts', 'row_id', 'row_id', false, false, false, false),
  ('conflicts', 'column_name', 'column_name', false, false, false, false),
  ('conflicts', 'lost_value', 'lost_value', false, false, false, false),
  ('conflicts', 'kept_value', 'kept_value', false, false, false, false),
  ('conflicts', 'lost_hlc', 'lost_hlc', false, false, false, false),
  ('conflicts', 'kept_hlc', 'kept_hlc', false, false, false, false),
  ('conflicts', 'reason', 'reason', false, false, false, false),
  ('conflicts', 'operations', 'operations', false, false, false, false),
  ('conflicts', 'client_id', 'client_id', false, false, false, false),
  ('conflicts', 'status', 'status', false, false, false, false),
  ('conflicts', 'settled_at', 'status', false, false, false, false),
  ('conflicts', 'settled_by', 'status', false, false, false, false),
  ('id_aliases', 'table_name', 'table_name', false, false, true, false),
  ('id_aliases', 'row_id', 'row_id', false, false, true, false),
  ('id_aliases', 'alias', 'alias', false, false, false, false)
ON CONFLICT (tbl, col) DO UPDATE SET register = excluded.register, derived = excluded.derived,
  fixed = excluded.fixed, needed = excluded.needed, folded = excluded.folded;

SELECT kairos.adopt('users');
SELECT kairos.adopt('user_preferences');
SELECT kairos.adopt('habits');
SELECT kairos.adopt('habit_schedules');
SELECT kairos.adopt('pauses');
SELECT kairos.adopt('completions');
SELECT kairos.adopt('completion_events');
SELECT kairos.adopt('recovery_sessions');
SELECT kairos.adopt('routines');
SELECT kairos.adopt('routine_habits');
SELECT kairos.adopt('routine_variants');
SELECT kairos.adopt('routine_executions');
SELECT kairos.adopt('devices');
SELECT kairos.adopt('device_bindings');
SELECT kairos.adopt('households');
SELECT kairos.adopt('household_members');
SELECT kairos.adopt('conflicts');
SELECT kairos.adopt('id_aliases');
SELECT kairos.publish();

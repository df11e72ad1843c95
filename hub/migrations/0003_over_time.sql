-- Habits over time: preferences, dated schedules, breaks, recovery, routines; and imports, which only this hub needs.

CREATE TABLE user_preferences (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  notification_enabled INTEGER,
  default_reminder_time TEXT,
  theme TEXT,
  energy_tracking_enabled INTEGER,
  quiet_start TEXT,
  quiet_end TEXT,
  notification_channels TEXT,
  show_streaks INTEGER,
  show_score INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE habit_schedules (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  habit_id TEXT,
  valid_from TEXT,
  valid_to TEXT,
  frequency TEXT,
  active_days TEXT,
  freq_num INTEGER,
  freq_den INTEGER,
  freq_window TEXT,
  target_type TEXT,
  target_value REAL,
  unit TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE pauses (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  habit_id TEXT,
  from_date TEXT,
  to_date TEXT,
  reason TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE recovery_sessions (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  habit_id TEXT,
  actor TEXT,
  type TEXT,
  status TEXT,
  action TEXT,
  completed_at INTEGER,
  answered_by TEXT,
  answered_on TEXT,
  triggered_at INTEGER,
  blockers TEXT,
  notes TEXT,
  gap_start TEXT,
  gap_end TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE routines (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  household_id TEXT,
  name TEXT,
  description TEXT,
  icon TEXT,
  color TEXT,
  category TEXT,
  status TEXT,
  sort_key TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE routine_habits (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  routine_id TEXT,
  habit_id TEXT,
  order_index INTEGER,
  sort_key TEXT,
  override_duration_seconds INTEGER,
  variant_ids TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE routine_variants (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  routine_id TEXT,
  name TEXT,
  estimated_minutes INTEGER,
  is_default INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE routine_executions (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  routine_id TEXT,
  variant_id TEXT,
  started_at INTEGER,
  completed_at INTEGER,
  status TEXT,
  current_step_index INTEGER,
  current_step_remaining_seconds INTEGER,
  paused_at INTEGER,
  total_paused_seconds INTEGER,
  step_results TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE INDEX habit_schedules_habit ON habit_schedules (habit_id);
CREATE INDEX habit_schedules_scope ON habit_schedules (scope);
CREATE INDEX pauses_scope ON pauses (scope);
CREATE INDEX recovery_sessions_habit ON recovery_sessions (habit_id);
CREATE INDEX recovery_sessions_scope ON recovery_sessions (scope, status);
CREATE INDEX routines_scope ON routines (scope);
CREATE INDEX routine_habits_routine ON routine_habits (routine_id);
CREATE INDEX routine_habits_habit ON routine_habits (habit_id);
CREATE INDEX routine_variants_routine ON routine_variants (routine_id);
CREATE INDEX routine_executions_scope ON routine_executions (scope, status);
CREATE INDEX routine_executions_routine ON routine_executions (routine_id, started_at);
CREATE INDEX device_bindings_routine ON device_bindings (routine_id);

-- What came in with each import, so that it can be taken back as a whole.
CREATE TABLE imports (
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL,
  source TEXT NOT NULL,
  at INTEGER NOT NULL,
  habits INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  undone_at INTEGER
) WITHOUT ROWID;
CREATE INDEX imports_user ON imports (user_id, at);
CREATE TABLE import_rows (
  import_id TEXT NOT NULL,
  tbl TEXT NOT NULL,
  row_id TEXT NOT NULL,
  PRIMARY KEY (import_id, tbl, row_id)
) WITHOUT ROWID;

-- The spine: synced tables, the log, and what only this hub needs.
-- Synced tables carry no rule but their id, so that a merge of valid rows can always be stored; the
-- rules live in kairos-core (repair) and a test compares these columns with its description.

CREATE TABLE users (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  display_name TEXT,
  avatar_color TEXT,
  tz TEXT,
  day_start_min INTEGER,
  week_start INTEGER,
  locale TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE habits (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  household_id TEXT,
  name TEXT,
  description TEXT,
  question TEXT,
  icon TEXT,
  color TEXT,
  anchor_behavior TEXT,
  anchor_type TEXT,
  time_window_start TEXT,
  time_window_end TEXT,
  category TEXT,
  frequency TEXT,
  active_days TEXT,
  kind TEXT,
  target_type TEXT,
  target_value REAL,
  unit TEXT,
  step REAL,
  freq_num INTEGER,
  freq_den INTEGER,
  freq_window TEXT,
  estimated_seconds INTEGER,
  micro_version TEXT,
  micro_active INTEGER,
  allow_partial INTEGER,
  subtasks TEXT,
  lapse_threshold_days INTEGER,
  relapse_threshold_days INTEGER,
  allowed_skips_per_week INTEGER,
  phase TEXT,
  status TEXT,
  paused_at INTEGER,
  archived_at INTEGER,
  completion_mode TEXT,
  assigned_to TEXT,
  rotation_config TEXT,
  start_date TEXT,
  sort_key TEXT,
  derived_from TEXT,
  import_ref TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE completions (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  habit_id TEXT,
  date TEXT,
  actor TEXT,
  completed_by TEXT,
  completed_at INTEGER,
  type TEXT,
  partial_percent INTEGER,
  amount REAL,
  skip_reason TEXT,
  energy_level INTEGER,
  note TEXT,
  source TEXT,
  device_id TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE completion_events (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  habit_id TEXT,
  date TEXT,
  actor TEXT,
  verb TEXT,
  value REAL,
  undo_of TEXT,
  skip_reason TEXT,
  occurred_at INTEGER,
  time_source TEXT,
  tz TEXT,
  tz_offset_min INTEGER,
  source TEXT,
  device_id TEXT,
  press_id TEXT,
  note TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE devices (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  household_id TEXT,
  name TEXT,
  kind TEXT,
  hub_id TEXT,
  hw_id TEXT,
  model TEXT,
  fw_version TEXT,
  status TEXT,
  paired_at INTEGER,
  battery_pct INTEGER,
  config TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE device_bindings (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  device_id TEXT,
  button TEXT,
  trigger_key TEXT,
  action TEXT,
  habit_id TEXT,
  routine_id TEXT,
  value REAL,
  act_as TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE INDEX habits_scope ON habits (scope);
CREATE INDEX completions_day ON completions (habit_id, date);
CREATE INDEX completions_scope_day ON completions (scope, date);
CREATE INDEX completion_events_day ON completion_events (habit_id, date);
CREATE INDEX devices_scope ON devices (scope);
CREATE INDEX device_bindings_device ON device_bindings (device_id);
CREATE INDEX device_bindings_habit ON device_bindings (habit_id);

-- The one log. seq is the op id of sync and the cursor of every outlet; row_json is encoded once, at commit.
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  scope TEXT NOT NULL,
  tbl TEXT NOT NULL,
  row_id TEXT NOT NULL,
  op TEXT NOT NULL,
  keys TEXT,
  row_json TEXT,
  checksum INTEGER NOT NULL,
  origin TEXT NOT NULL,
  command_id TEXT
);
CREATE INDEX changes_scope ON changes (scope, seq);

-- Running checksum (32 bit, wrapping) and count of the changes of each scope and stream.
CREATE TABLE buckets (
  scope TEXT NOT NULL,
  stream TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (scope, stream)
) WITHOUT ROWID;

-- First answers, so that a repeated command gets the same one.
CREATE TABLE commands (
  author TEXT NOT NULL,
  id TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  receipt TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (author, id)
) WITHOUT ROWID;
CREATE INDEX commands_at ON commands (at);

-- Where each outlet stands in the log.
CREATE TABLE cursors (
  outlet TEXT NOT NULL,
  scope TEXT NOT NULL DEFAULT '',
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (outlet, scope)
) WITHOUT ROWID;

-- hub_id, epoch, node, the clock's high-water mark.
CREATE TABLE meta (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- What stands on the broker's topics, so that it survives a restart.
CREATE TABLE retained (
  topic TEXT PRIMARY KEY NOT NULL,
  payload BLOB NOT NULL,
  qos INTEGER NOT NULL
) WITHOUT ROWID;

-- Credentials of devices and displays: what is stored of a secret is its hash.
CREATE TABLE device_secrets (
  device_id TEXT PRIMARY KEY NOT NULL,
  secret_hash BLOB NOT NULL,
  rotated_at INTEGER NOT NULL,
  last_seen_at INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX device_secrets_hash ON device_secrets (secret_hash);

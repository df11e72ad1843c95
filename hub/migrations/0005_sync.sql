-- Sync with clients: shared scopes, what lost a merge, other names of rows; and what only this hub needs.

CREATE TABLE households (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT,
  created_by TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE household_members (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  household_id TEXT,
  role TEXT,
  display_name TEXT,
  joined_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE conflicts (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  kind TEXT,
  table_name TEXT,
  row_id TEXT,
  column_name TEXT,
  lost_value TEXT,
  kept_value TEXT,
  lost_hlc TEXT,
  kept_hlc TEXT,
  reason TEXT,
  operations TEXT,
  client_id TEXT,
  status TEXT,
  settled_at INTEGER,
  settled_by TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE TABLE id_aliases (
  id TEXT PRIMARY KEY NOT NULL,
  scope TEXT NOT NULL,
  user_id TEXT NOT NULL,
  table_name TEXT,
  row_id TEXT,
  alias TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  hlc TEXT NOT NULL,
  deleted_at INTEGER,
  extra TEXT,
  _clk TEXT
);

CREATE INDEX household_members_user ON household_members (user_id);
CREATE INDEX household_members_household ON household_members (household_id);
CREATE INDEX conflicts_scope ON conflicts (scope, status, created_at);
CREATE INDEX conflicts_row ON conflicts (table_name, row_id);

-- A bucket that holds mostly what was compacted away begins a new generation, under a new name.
ALTER TABLE buckets ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE buckets ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;

-- Streams with parameters: the events of one habit, the days of one month.
CREATE INDEX changes_habit ON changes (scope, json_extract(keys, '$.habit_id'), seq) WHERE tbl = 'completion_events';
CREATE INDEX changes_month ON changes (scope, json_extract(keys, '$.month'), seq) WHERE tbl = 'completions';

-- How far each client's uploads have come. Never goes back.
CREATE TABLE write_checkpoints (
  user_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  id INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (user_id, client_id)
) WITHOUT ROWID;

-- What none of a person's clients is below: raised when one is forgotten, or a backup restored.
CREATE TABLE write_checkpoint_floors (
  user_id TEXT PRIMARY KEY NOT NULL,
  id INTEGER NOT NULL
) WITHOUT ROWID;

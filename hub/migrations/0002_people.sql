-- People, as this hub knows them: accounts, sessions, tokens. None of it is synced; the profile others
-- may see is the synced row in `users`, made in the same transaction as its account.
-- Of every secret that comes back over the network only a hash stands here.

CREATE TABLE accounts (
  user_id TEXT PRIMARY KEY NOT NULL,
  email TEXT NOT NULL COLLATE NOCASE UNIQUE,
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  password_changed_at INTEGER NOT NULL,
  disabled_at INTEGER
) WITHOUT ROWID;

-- One row a device a person signed in on: the family of its refresh tokens.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  device_name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at INTEGER,
  ended_why TEXT
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);

-- Used ones are kept, so that a token shown a second time is recognised.
CREATE TABLE refresh_tokens (
  hash BLOB PRIMARY KEY NOT NULL,
  session_id TEXT NOT NULL,
  used_at INTEGER
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id, used_at);

CREATE TABLE api_tokens (
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER
) WITHOUT ROWID;
CREATE INDEX api_tokens_user ON api_tokens (user_id);

-- The setup code of a hub that has no administrator yet. Readable on purpose: it is printed on the
-- console and stands in run.json, and the command that shows it again must find it. It is gone with setup.
CREATE TABLE setup (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  code TEXT NOT NULL,
  tries_left INTEGER NOT NULL
);

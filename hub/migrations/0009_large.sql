-- Operations that could not be applied and are large: only a note of each is in `conflicts`, which comes to every phone.
CREATE TABLE large_operations (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id TEXT NOT NULL,
  -- The entry under conflicts.
  entry TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  operation TEXT NOT NULL
);
CREATE INDEX large_operations_user ON large_operations (user_id, n, bytes);
CREATE INDEX large_operations_entry ON large_operations (entry);

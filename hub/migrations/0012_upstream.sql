-- How each scope stands with the server it is replicated with (docs/UPSTREAM.md).
CREATE TABLE upstream_scopes (
  scope TEXT PRIMARY KEY NOT NULL,
  -- The life of this database to which the rest belongs: one that is restored begins another, which the server has not seen.
  epoch TEXT NOT NULL,
  -- Up to which of the server's numbers its rows were taken in.
  cursor INTEGER NOT NULL DEFAULT 0,
  -- Up to which of our changes its rows were pushed.
  pushed INTEGER NOT NULL DEFAULT 0,
  -- The highest of our changes that this server was ever told of: one that knows of fewer was set back.
  high INTEGER NOT NULL DEFAULT 0,
  -- A random word that the server knows, too; one that does not was set back.
  fence TEXT,
  -- What is to be done before anything else: first (all is pushed, to a server that has seen nothing of this hub), full
  -- (all is pushed again), gc (all is pulled, and what it lacks is judged); NULL: nothing.
  pending TEXT
) WITHOUT ROWID;

-- For registers that were changed here and are not pushed yet: the clock that the server had then, NULL where it had none.
-- Register '*' stands for all of a row that was made here.
CREATE TABLE upstream_base (
  tbl TEXT NOT NULL,
  row_id TEXT NOT NULL,
  register TEXT NOT NULL,
  clock TEXT,
  PRIMARY KEY (tbl, row_id, register)
) WITHOUT ROWID;

-- Up to where something was emptied or has left the log: whoever stands before that pushes everything.
ALTER TABLE buckets ADD COLUMN compacted INTEGER NOT NULL DEFAULT 0;
UPDATE buckets SET compacted = coalesce((SELECT max(seq) FROM changes WHERE changes.scope = buckets.scope), 0)
  WHERE moved > 0 OR generation > 1;

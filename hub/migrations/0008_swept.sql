-- Rows that were deleted leave the log, too, when their bucket begins a new generation. Up to which change deletions are no
-- longer told: whoever stands before it and has rows from then starts again from current rows.
ALTER TABLE buckets ADD COLUMN swept INTEGER NOT NULL DEFAULT 0;

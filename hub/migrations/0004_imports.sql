-- Imports are taken in slice by slice: how far each one is, and what it changed in rows that were there before.

-- running, done, undoing, undone, withdrawn (it ended half-way, and what had come was taken back)
ALTER TABLE imports ADD COLUMN state TEXT NOT NULL DEFAULT 'done';
-- Why it was withdrawn.
ALTER TABLE imports ADD COLUMN message TEXT;
UPDATE imports SET state = 'undone' WHERE undone_at IS NOT NULL;

-- NULL: the row came with the import. Else it was there, and this is a JSON object with, for each column that the import
-- changed, the earlier value and the clock of the new one.
ALTER TABLE import_rows ADD COLUMN changed TEXT;

-- What an import brought, as it was then: taken back, what somebody has changed since stays.

-- A hash of the clocks of a row that came with the import; NULL where it was there before, or came with an older version.
ALTER TABLE import_rows ADD COLUMN print TEXT;
-- Whether the row was there, deleted, and was brought back.
ALTER TABLE import_rows ADD COLUMN revived INTEGER NOT NULL DEFAULT 0;

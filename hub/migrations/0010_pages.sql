-- What is set aside of a row, the newest first, and what lost in a column of it are found without looking at the others,
-- however many there are of one row.
DROP INDEX conflicts_row;
CREATE INDEX conflicts_row ON conflicts (table_name, row_id, scope, kind, status, column_name, created_at);

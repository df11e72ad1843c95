-- What is set aside of a row, the newest first, and what lost in a column of it are found without looking at the others,
-- however many there are of one row.
DROP INDEX IF EXISTS conflicts_row;
CREATE INDEX IF NOT EXISTS conflicts_row ON conflicts (table_name, row_id, scope, kind, status, column_name, created_at);

-- Rows of a scope page by page, in the order of their ids: without it every page sorts all of them.
CREATE INDEX IF NOT EXISTS conflicts_page ON conflicts (scope, id);
DROP INDEX IF EXISTS habit_schedules_scope;
CREATE INDEX IF NOT EXISTS habit_schedules_page ON habit_schedules (scope, id);
CREATE INDEX IF NOT EXISTS id_aliases_page ON id_aliases (scope, id);
CREATE INDEX IF NOT EXISTS routine_habits_page ON routine_habits (scope, id);
CREATE INDEX IF NOT EXISTS routine_variants_page ON routine_variants (scope, id);
CREATE INDEX IF NOT EXISTS routine_executions_page ON routine_executions (scope, id);
DROP INDEX IF EXISTS pauses_scope;
CREATE INDEX IF NOT EXISTS pauses_page ON pauses (scope, id);
CREATE INDEX IF NOT EXISTS completions_page ON completions (scope, id);
CREATE INDEX IF NOT EXISTS conflicts_settled ON conflicts (scope, settled_at) WHERE status <> 'OPEN' AND deleted_at IS NULL;

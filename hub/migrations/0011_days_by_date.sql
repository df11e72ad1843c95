-- Days are read page by page in the order of their dates, for which there is an index already: one more, in the order of their
-- ids, costs every press a page of its own in the database.
DROP INDEX IF EXISTS completions_page;

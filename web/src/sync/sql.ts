/**
 * Every question the phone asks its own database.
 *
 * The tables are views over JSON: without an index a question reads all rows, and days are the ones there are many of
 * (10 000 after a few years). So days are asked for by `date`, or by `habit_id` and `date`, which have indexes, and never
 * joined from the outside; test/sync/sql.test.ts looks at the plan of each question here.
 */

export const HABITS = "SELECT * FROM habits";
export const HABIT = "SELECT * FROM habits WHERE id = ?";
export const SCHEDULES = "SELECT * FROM habit_schedules";
export const PAUSES = "SELECT * FROM pauses";
/** A habit's own break without an end, while it rests. */
export const RESTS = `SELECT p.id, p.from_date FROM pauses p JOIN habits h ON h.id = p.habit_id AND h.scope = p.scope
  WHERE p.habit_id = ? AND p.to_date IS NULL AND h.status <> 'ACTIVE'`;
export const PROFILE = "SELECT id, display_name, tz, day_start_min, week_start FROM users WHERE id = ?";

const CELL = "SELECT id, habit_id, date, actor, type, partial_percent, amount, skip_reason, energy_level, note, source FROM completions";
/** All that stands on a day. */
export const DAY = `${CELL} WHERE date = ?`;
/** All that stands on days, from one to another. */
export const DAYS = `${CELL} WHERE date BETWEEN ? AND ?`;
/** One habit on one day, whoever did it. */
export const CELLS = `${CELL} WHERE habit_id = ? AND date = ?`;
/** A habit's days from one to another. */
export const PERIOD = `${CELL} WHERE habit_id = ? AND date BETWEEN ? AND ?`;

/** What waits to be sent. */
export const PENDING = "SELECT id, data FROM ps_crud ORDER BY id LIMIT 200";
export const PENDING_COUNT = "SELECT count(*) AS n FROM ps_crud";
/** What lost a merge, or could not be applied, and waits for the person's word. */
export const CONFLICTS = "SELECT * FROM conflicts WHERE status = 'OPEN' ORDER BY created_at DESC LIMIT 50";
export const NAMES = { habits: "SELECT name FROM habits WHERE id = ?", routines: "SELECT name FROM routines WHERE id = ?" } as const;
export const CELL_BY_ID = `${CELL} WHERE id = ?`;

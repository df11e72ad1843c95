// Shows today's habits, marks the first open one as done, and prints what changes. Enter marks one more; Ctrl-C ends.
//
//   npm run example -- http://localhost:8420 <token>          (kairos-hub token create --user you@example.org)
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { PowerSyncDatabase } from '@powersync/node';
import { schema } from './schema.js';
import { HubConnector } from './connector.js';

const [hub, token] = process.argv.slice(2);
if (!hub || !token) {
  console.error('usage: npm run example -- <address of the hub> <token>');
  process.exit(2);
}

// The true id of a day: the hub would find it by itself, but so the row keeps its id.
function cellId(habit, date, actor = '') {
  const bytes = createHash('sha256').update(`${habit}|${date}|${actor}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x80;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

// The day of the person's own zone, which begins at their own hour.
function today({ tz, day_start_min }) {
  const moment = new Date(Date.now() - (day_start_min ?? 0) * 60_000);
  return new Intl.DateTimeFormat('en-CA', { timeZone: tz || 'UTC' }).format(moment);
}

const db = new PowerSyncDatabase({
  schema,
  database: { dbFilename: process.env.EXAMPLE_DB ?? 'example.db', implementation: { type: 'node:sqlite' } }
});
await db.connect(new HubConnector(hub, () => token));
await db.waitForFirstSync();

const [me] = await db.getAll('SELECT id, tz, day_start_min FROM users LIMIT 1');
const date = today(me);
// A habit that everyone in a household does has a row for each of them; the actor of any other day is empty.
const DAY = `SELECT habits.id, habits.name, completions.type FROM habits
  LEFT JOIN completions ON completions.habit_id = habits.id AND completions.date = '${date}'
    AND coalesce(completions.actor, '') IN ('', '${me.id}')
  WHERE habits.status = 'ACTIVE' ORDER BY habits.sort_key, habits.name`;

db.watch(DAY, [], {
  onResult: ({ rows }) => {
    console.log(`\n${date}`);
    for (const { name, type } of rows._array) console.log(`  ${type === 'FULL' ? '[x]' : '[ ]'} ${name}`);
  }
});

async function markOne() {
  const open = (await db.getAll(DAY)).find((habit) => habit.type !== 'FULL');
  if (!open) return console.log('All done.');
  await db.execute(
    'INSERT OR REPLACE INTO completions (id, habit_id, date, type, completed_at, _metadata) VALUES (?, ?, ?, ?, ?, ?)',
    [cellId(open.id, date), open.id, date, 'FULL', Date.now(), JSON.stringify({ verb: 'full', at: Date.now() })]
  );
}

await markOne();
createInterface({ input: process.stdin }).on('line', markOne);

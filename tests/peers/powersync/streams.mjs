// PowerSync's own parser of streams, as it comes from npm: what it thinks of a file of streams, and who would get what.
//
//   node streams.mjs FILE < replica.json
//
//   { "columns": { TABLE: { COLUMN: type in Postgres } },    all that is there to be read
//     "rows": { TABLE: [row…] },                             as to_jsonb says them
//     "readers": [ { "user", "streams": { NAME: [parameters…] } } ] }
//
// Says { "problems": [ … ] }, then for each reader { "user", "buckets", "errors", "rows": [ { "priority", "table", "data" } ] }.
// Exits 0 where there is no problem, 1 where there is one, 2 where it was not asked rightly.
import { readFileSync } from 'node:fs';
import {
  BaseJwtPayload, DEFAULT_HYDRATION_STATE, RequestParameters, SqlSyncRules, StaticSchema, nodeSqlite
} from '@powersync/service-sync-rules';
import * as sqlite from 'node:sqlite';

const SCHEMA = 'kairos';
const [file] = process.argv.slice(2);
if (!file) {
  console.error('usage: streams.mjs FILE < replica.json');
  process.exit(2);
}
const { columns, rows, readers } = JSON.parse(readFileSync(0, 'utf8'));
const say = (line) => console.log(JSON.stringify(line, (_, value) => (typeof value === 'bigint' ? Number(value) : value)));

// How a client's SQLite has what Postgres has.
const SQLITE = { text: 'text', jsonb: 'text', bigint: 'integer', 'double precision': 'real' };
const tables = Object.entries(columns).map(([name, of]) => ({
  name,
  columns: Object.entries(of).map(([column, type]) => ({ name: column, sqlite_type: SQLITE[type] }))
}));
const schema = new StaticSchema([{ tag: 'default', schemas: [{ name: SCHEMA, tables }] }]);
const read = SqlSyncRules.fromYaml(readFileSync(file, 'utf8'), { schema, defaultSchema: SCHEMA, throwOnError: false });
// Warnings stand among the errors.
say({ problems: read.errors.map((problem) => `${problem.type}: ${problem.message}`) });
if (read.errors.length > 0) process.exit(1);

// What a PowerSync Service keeps: the rows of each bucket, and what it looks up to tell who gets which.
const streams = read.config.hydrate({ hydrationState: DEFAULT_HYDRATION_STATE, sqlite: nodeSqlite(sqlite) });
const buckets = new Map();
const lookups = new Map();
const add = (map, key, what) => map.set(key, [...(map.get(key) ?? []), what]);
for (const [name, all] of Object.entries(rows)) {
  const table = { connectionTag: 'default', schema: SCHEMA, name };
  for (const row of all) {
    const record = streams.applyRowContext(typed(name, row));
    for (const found of streams.evaluateRow({ sourceTable: table, record })) add(buckets, found.bucket, found);
    for (const { lookup, bucketParameters } of streams.evaluateParameterRow(table, record)) {
      bucketParameters.forEach((parameters) => add(lookups, lookup.serializedRepresentation, parameters));
    }
  }
}

for (const { user, streams: asked } of readers) {
  const subscribed = Object.entries(asked).map(([name, all]) => [
    name,
    all.map((parameters, opaque_id) => ({ parameters, opaque_id, priorityOverride: null }))
  ]);
  const { querier, errors } = streams.getBucketParameterQuerier({
    globalParameters: new RequestParameters(new BaseJwtPayload({ sub: user }), {}),
    hasDefaultStreams: true,
    streams: Object.fromEntries(subscribed)
  });
  const found = await querier.queryDynamicBucketDescriptions({
    getParameterSets: async (wanted) =>
      wanted.map((lookup) => ({ lookup, rows: lookups.get(lookup.serializedRepresentation) ?? [] }))
  });
  const theirs = [...querier.staticBuckets, ...found];
  const seen = theirs.flatMap(({ bucket, priority }) =>
    (buckets.get(bucket) ?? []).map(({ table, data }) => ({ priority, table, data }))
  );
  say({ user, buckets: theirs.length, errors, rows: seen });
}

// As values come out of Postgres' replication.
function typed(table, row) {
  const value = (column, it) => {
    if (it === null) return null;
    if (columns[table][column] === 'bigint') return BigInt(it);
    return columns[table][column] === 'jsonb' ? JSON.stringify(it) : it;
  };
  return Object.fromEntries(Object.entries(row).map(([column, it]) => [column, value(column, it)]));
}

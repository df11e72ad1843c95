// PowerSync's own SDK for Node, unmodified, driven by lines of JSON: see lines.mjs and commands.mjs.
//
// A story tells it what to do, so that it can stop and start the hub in between. Many clients live in one process, each
// with a database file of its own.
import { mkdirSync } from 'node:fs';
import { PowerSyncDatabase } from '@powersync/node';
import { schema } from './.app/schema.js';
import { HubConnector } from './.app/connector.js';
import { commands } from './commands.mjs';
import { serve } from './lines.mjs';

const known = commands(HubConnector, ({ dir, name }) => {
  mkdirSync(dir, { recursive: true });
  const database = { dbFilename: `${name}.db`, dbLocation: dir, implementation: { type: 'node:sqlite' } };
  return new PowerSyncDatabase({ schema, database });
});
serve((command, rest) => known[command](rest));

// What an app does in a browser: the published schema and connector, and PowerSync's SDK with its own defaults.
import { PowerSyncDatabase } from '@powersync/web';
import { schema } from '../../../docs/sync/schema.js';
import { HubConnector } from '../../../docs/sync/connector.js';
import { commands } from '../powersync/commands.mjs';

// Without a service worker a page cannot be loaded again while it is offline. What was loaded before it took over, it is
// told of; the SDK's workers and their wasm come later, through it.
const worker = navigator.serviceWorker;
if (!worker.controller) {
  const taken = new Promise((done) => worker.addEventListener('controllerchange', done, { once: true }));
  await worker.register('./service-worker.js');
  await taken;
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
  await (await caches.open('app')).addAll([location.href, ...loaded.filter((url) => url.startsWith(location.origin))]);
}

const known = commands(HubConnector, ({ name }) => {
  return new PowerSyncDatabase({ schema, database: { dbFilename: `${name}.db` } });
});
globalThis.run = (command, rest) => known[command](rest);

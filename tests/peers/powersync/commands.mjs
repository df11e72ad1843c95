// What a story (tests/tests/stories/sync) can tell a client to do: the same words for Node (driver.mjs) and for a page in a
// browser (../powersync-web). `openDatabase` is where they differ; all else is the SDK as an app sees it.

async function until(seconds, what, check) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`There was no ${what} in ${seconds} s.`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

export function commands(HubConnector, openDatabase) {
  const clients = new Map();

  class Client {
    constructor(options) {
      this.token = options.token;
      this.uploads = [];
      this.asked = {};
      this.db = openDatabase(options);
      const client = this;
      // As apps do: the published connector, and the answers kept for the story to look at.
      class Kept extends HubConnector {
        async ask(method, path, body) {
          client.asked[path] = (client.asked[path] ?? 0) + 1;
          const answer = await super.ask(method, path, body);
          if (path === '/api/data') client.uploads.push(...answer.results);
          return answer;
        }
      }
      this.connector = new Kept(options.hub, () => this.token);
    }
  }

  return {
    async open({ client, ...options }) {
      clients.set(client, new Client(options));
      await clients.get(client).db.init();
      return { client_id: await clients.get(client).db.getClientId() };
    },
    async connect({ client, streams = [], mode, defaults = true, wait = true, token }) {
      const it = clients.get(client);
      if (token) it.token = token;
      // The SDK goes on by itself whatever happens; how long it waits in between is shortened for the story.
      const options = { retryDelayMs: 200, crudUploadThrottleMs: 20, includeDefaultStreams: defaults };
      if (mode) options.checkpointMode = mode;
      const connecting = it.db.connect(it.connector, options);
      it.streams = [];
      for (const { name, params, priority } of streams) {
        it.streams.push(await it.db.syncStream(name, params ?? undefined).subscribe({ priority }));
      }
      if (wait) await connecting;
      return {};
    },
    async disconnect({ client }) {
      await clients.get(client).db.disconnect();
      return {};
    },
    async close({ client }) {
      await clients.get(client).db.close();
      clients.delete(client);
      return {};
    },
    // Several statements are one transaction; gives what each of them found.
    async write({ client, statements }) {
      return await clients.get(client).db.writeTransaction(async (tx) => {
        const found = [];
        for (const [sql, args] of statements) found.push((await tx.execute(sql, args ?? [])).rows?._array ?? []);
        return found;
      });
    },
    async read({ client, sql, args }) {
      return await clients.get(client).db.getAll(sql, args ?? []);
    },
    // Waits until a question has an answer of that many rows, or any when it is not said.
    async wait({ client, sql, args, rows, seconds = 20 }) {
      return await until(seconds, `answer to ${sql}`, async () => {
        const found = await clients.get(client).db.getAll(sql, args ?? []);
        return (rows === undefined ? found.length > 0 : found.length === rows) ? found : undefined;
      });
    },
    // When a question first has an answer, in milliseconds since the epoch: what a screen that watches it would show then.
    async arrival({ client, sql, args, seconds = 20 }) {
      const stop = new AbortController();
      const { db } = clients.get(client);
      let timer;
      try {
        return await new Promise((arrived, failed) => {
          const late = () => failed(new Error(`There was no answer to ${sql} in ${seconds} s.`));
          timer = setTimeout(late, seconds * 1000);
          const onResult = (found) => {
            if ((found.rows?._array ?? found).length > 0) arrived(performance.timeOrigin + performance.now());
          };
          db.watch(sql, args ?? [], { onResult, onError: failed }, { throttleMs: 0, signal: stop.signal });
        });
      } finally {
        clearTimeout(timer);
        stop.abort();
      }
    },
    // Waits until nothing is left to send, and what the hub has of it has come back.
    async settled({ client, seconds = 30 }) {
      const { db } = clients.get(client);
      await until(seconds, 'settled client', async () => {
        const queue = await db.get('SELECT count(*) AS n FROM ps_crud');
        // Rows that were written here and did not come back yet.
        const written = await db.get('SELECT count(*) AS n FROM ps_updated_rows');
        return queue.n === 0 && written.n === 0 && db.currentStatus.hasSynced ? true : undefined;
      });
      return {};
    },
    async status({ client }) {
      const { db } = clients.get(client);
      const status = db.currentStatus;
      const { downloadError, uploadError } = status.dataFlowStatus ?? {};
      const error = downloadError ?? uploadError;
      return {
        connected: status.connected,
        synced: status.hasSynced ?? false,
        queue: (await db.get('SELECT count(*) AS n FROM ps_crud')).n,
        buckets: await db.getAll("SELECT name FROM ps_buckets WHERE name <> '$local' ORDER BY name"),
        asked: clients.get(client).asked,
        // One that comes out of a browser's worker is an Error no longer, but has its message.
        error: error ? (error.message ?? String(error)) : ''
      };
    },
    async uploads({ client }) {
      return clients.get(client).uploads;
    }
  };
}

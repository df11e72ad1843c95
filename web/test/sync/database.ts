import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { schema } from "@hub/schema.js";
import type { Store, Writer } from "../../src/sync/model";

/**
 * The phone's database without a browser: the SQLite that PowerSync Web uses, with PowerSync's own tables and views, in memory.
 *
 * So what is tested is what runs on a phone, the queue of uploads included.
 */

interface Api {
  open_v2(name: string): Promise<number>;
  close(db: number): Promise<number>;
  statements(db: number, sql: string): AsyncIterable<number>;
  bind_collection(statement: number, values: unknown[]): number;
  step(statement: number): Promise<number>;
  column_names(statement: number): string[];
  row(statement: number): unknown[];
}
const ROW = 100;

export interface Database extends Store, Writer {
  /** What would be uploaded, oldest first. */
  queue(): Promise<{ op: string; type: string; id: string; data?: Record<string, unknown>; old?: Record<string, unknown>; metadata?: string }[]>;
}

async function sqlite(): Promise<Api> {
  const { default: factory } = await import("@journeyapps/wa-sqlite/dist/wa-sqlite.mjs");
  const { Factory } = await import("@journeyapps/wa-sqlite/src/sqlite-api.js");
  const wasmBinary = readFileSync(createRequire(import.meta.url).resolve("@journeyapps/wa-sqlite/dist/wa-sqlite.wasm"));
  const module = await factory({ wasmBinary });
  module.ccall("powersync_init_static", "int", []);
  return Factory<Api>(module);
}

export async function openDatabase(): Promise<Database> {
  const api = await sqlite();
  const db = await api.open_v2(":memory:");
  async function getAll<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const found: Row[] = [];
    for await (const statement of api.statements(db, sql)) {
      api.bind_collection(statement, parameters.map((value) => (value === undefined ? null : value)));
      const names = api.column_names(statement);
      while ((await api.step(statement)) === ROW) {
        const row = api.row(statement);
        found.push(Object.fromEntries(names.map((name, n) => [name, row[n]])) as Row);
      }
    }
    return found;
  }
  const writer: Writer = { getAll, execute: getAll };
  async function writeTransaction<R>(work: (writer: Writer) => Promise<R>): Promise<R> {
    await getAll("BEGIN");
    try {
      const done = await work(writer);
      await getAll("COMMIT");
      return done;
    } catch (error) {
      await getAll("ROLLBACK");
      throw error;
    }
  }
  await writeTransaction((tx) => tx.execute("SELECT powersync_init()"));
  await writeTransaction((tx) => tx.execute("SELECT powersync_replace_schema(?)", [JSON.stringify(schema.toJSON())]));
  return {
    getAll,
    execute: getAll,
    writeTransaction,
    queue: async () => (await getAll<{ data: string }>("SELECT data FROM ps_crud ORDER BY id")).map(({ data }) => JSON.parse(data) as never),
  };
}

import type { Writer } from "./model";

/** The three ways in which a row is written, each with what was meant and when (`docs/SYNC.md`). */

type Table = "habits" | "pauses" | "completions";
type Columns = Record<string, unknown>;

export async function insert(writer: Writer, table: Table, id: string, columns: Columns, meant: string): Promise<void> {
  const names = Object.keys(columns).map(column);
  await writer.execute(`INSERT INTO ${table} (id, ${names.join(", ")}, _metadata) VALUES (?, ${names.map(() => "?").join(", ")}, ?)`, [
    id, ...Object.values(columns), meant,
  ]);
}

/** In one statement: what belongs together must come to the hub together. */
export async function change(writer: Writer, table: Table, id: string, columns: Columns, meant: string): Promise<void> {
  const set = Object.keys(columns).map((name) => `${column(name)} = ?, `);
  await writer.execute(`UPDATE ${table} SET ${set.join("")}_metadata = ? WHERE id = ?`, [...Object.values(columns), meant, id]);
}

export async function remove(writer: Writer, table: Table, id: string, meant: string): Promise<void> {
  await writer.execute(`UPDATE ${table} SET _deleted = TRUE, _metadata = ? WHERE id = ?`, [meant, id]);
}

/** The names of columns go into statements, so they are names and nothing else. */
function column(name: string): string {
  if (!/^[a-z_]+$/.test(name)) throw new Error(`${name} is no column.`);
  return name;
}

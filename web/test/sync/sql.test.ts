import { beforeAll, expect, it } from "vitest";
import * as sql from "../../src/sync/sql";
import { type Database, openDatabase } from "./database";

let db: Database;
beforeAll(async () => (db = await openDatabase()));

const { NAMES, ...others } = sql;
const questions: [string, string][] = [...Object.entries(others), ...Object.entries(NAMES)];

it.each(questions)("%s reads no day it does not need", async (_, text) => {
  const parameters = Array.from(text.matchAll(/\?/g), () => "2026-11-30");
  const plan = await db.getAll<{ detail: string }>(`EXPLAIN QUERY PLAN ${text}`, parameters);
  expect(plan.length).toBeGreaterThan(0);
  for (const { detail } of plan) expect(detail).not.toMatch(/SCAN .*(completion|conflicts)/i);
});

it("would notice a question that does", async () => {
  const plan = await db.getAll<{ detail: string }>("EXPLAIN QUERY PLAN SELECT * FROM completions WHERE note = 'x'");
  expect(plan.map(({ detail }) => detail).join()).toMatch(/SCAN .*completions/);
});

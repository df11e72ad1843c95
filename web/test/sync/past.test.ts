import { beforeEach, describe, expect, it } from "vitest";
import { type Day, type Person, toDay, toText } from "../../src/sync/calendar";
import { SyncModel } from "../../src/sync/model";
import { Past } from "../../src/sync/past";
import type { CellRow, HabitRow, PauseRow } from "../../src/sync/rows";
import { type Database, openDatabase } from "./database";

/** The cases of `hub/core/src/statistics/tests.rs`, as far as no quota decides, and of the hub's heatmap. */

/** 2026-11-02 is a Monday. */
const MONDAY = toDay("2026-11-02") as Day;
const TODAY = toDay("2026-11-16") as Day;
const CREATED = Date.parse("2026-11-02T00:00:00Z");
const PERSON: Person = { tz: "UTC", day_start_min: 0, week_start: 1 };

function habit(columns: object = {}): HabitRow {
  return {
    id: "h", scope: "u:ada", user_id: "ada", created_at: CREATED, name: "Habit", anchor_behavior: null, anchor_type: null, step: null, status: "ACTIVE",
    start_date: null, sort_key: null, completion_mode: null, micro_version: null, micro_active: null, frequency: null, active_days: null, freq_num: null,
    freq_den: null, freq_window: null, target_type: null, target_value: null, unit: null, kind: null, ...columns,
  };
}

/** `x` done, `s` left out, `l` lapsed, `p` passed, anything else nothing; from the Monday on. */
function cells(text: string): CellRow[] {
  const meaning: Record<string, string> = { x: "FULL", s: "SKIPPED", l: "MISSED", p: "MISSED" };
  return [...text.replaceAll(" ", "")].flatMap((c, n) =>
    meaning[c]
      ? [{ id: `c${n}`, habit_id: "h", date: toText(MONDAY + n), actor: "", type: meaning[c], partial_percent: null, amount: null, skip_reason: null, energy_level: null, note: null, source: c === "p" ? "engine" : "app" }]
      : [],
  );
}

function past(text: string, { columns = {}, breaks = [], today = TODAY }: { columns?: object; breaks?: [string, string | null, string?][]; today?: Day } = {}): Past {
  const pauses: PauseRow[] = breaks.map(([from_date, to_date, habit_id]) => ({ habit_id: habit_id ?? null, from_date, to_date }));
  return new Past(habit(columns), cells(text), { rows: { habits: [], schedules: [], pauses, cells: [] }, person: PERSON, me: "ada", today });
}

const LIMIT = { kind: "measurable", target_type: "at_most", target_value: 5 };
const avoid = { kind: "avoid" };

describe("how it went", () => {
  const rate = (of: Past) => of.rate(MONDAY, TODAY);

  it("leaves out skips, breaks and a present day that is open", () => {
    const breaks: [string, string][] = [["2026-11-07", "2026-11-08"]];
    expect(rate(past("xxx.s.. xxxxxxx .", { breaks }))).toMatchObject({ done: 10, asked: 11 });
    expect(rate(past("xxx.s.. xxxxxxx x", { breaks }))).toMatchObject({ done: 11, asked: 12 });
    expect(rate(past("", { breaks })).share).toBe(0);
    expect(past("", { columns: { start_date: "2026-11-16" } }).rate(MONDAY, TODAY).share).toBeNull();
  });

  it("asks for days over a limit, and keeps days without a word", () => {
    const some = past("xl..l.. xx....l", { columns: LIMIT });
    expect(rate(past("l".repeat(14), { columns: LIMIT }))).toMatchObject({ done: 0, asked: 14 });
    expect(rate(some)).toMatchObject({ done: 11, asked: 14 });
    expect(some.comeback().comebacks).toBe(2);
  });

  it("measures a way back from the first day without", () => {
    expect(past("x.x..x....x").comeback()).toMatchObject({ comebacks: 3, median_days: 2 });
    expect(past("xxx", { today: toDay("2026-11-04") as Day }).comeback()).toMatchObject({ comebacks: 0, median_days: null });
    expect(past("x.x...x").comeback()).toMatchObject({ comebacks: 2, median_days: 2 });
  });

  it("tells of thirty days and of the week", () => {
    expect(past("xxxxxxx xxx.xxx .").told()).toMatchObject({ rate: { done: 13, asked: 14 }, this_week: { done: 0, asked: 0, share: null } });
  });
});

describe("squares", () => {
  const said = { done: "x", skipped: "s", paused: "b", open: "o", none: "." };
  const map = (of: Past) => of.squares(MONDAY, TODAY).map(({ state }) => said[state]).join("");
  const due = (of: Past) => of.squares(MONDAY, TODAY).map((square) => (square.due ? "D" : ".")).join("");

  it.each([
    ["every day", "xxs.l.p xxxxxxx .", {}, "xxs....xxxxxxxo"],
    ["on weekdays", "x....xx x", { frequency: "WEEKDAYS" }, "x....xxx......o"],
    ["staying away", "...l", avoid, "xxx.xxxxxxxxxxo"],
    ["once a week, done this week", ".x..... ....... x", { freq_num: 1, freq_den: 7 }, ".x............x"],
  ])("%s", (_, text, columns, expected) => expect(map(past(text, { columns }))).toBe(expected));

  it("tells days of its own from days that are free", () => {
    expect(due(past("", { columns: { frequency: "WEEKENDS" } }))).toBe(".....DD.....DD.");
    expect(due(past("x...... x...... .", { columns: { freq_num: 1, freq_den: 7 } }))).toBe("DDDDDDDDDDDDDDD");
  });

  it("shows breaks, and days done in them", () => {
    const away = past("xx.x", { breaks: [["2026-11-04", "2026-11-06"]] });
    expect(map(away)).toBe("xxbxb.........o");
    expect(due(away)).toBe("DD...DDDDDDDDDD");
  });

  it("shows since when a habit rests", () => {
    const rests = (columns: object, breaks: [string, string | null, string?][] = []) => map(past("xx", { columns: { status: "PAUSED", ...columns }, breaks }));
    expect(rests({}, [["2026-11-05", null, "h"]])).toMatch(/^xx\.b{12}$/);
    expect(rests({ paused_at: Date.parse("2026-11-05T08:00:00Z") })).toMatch(/^xx\.b{12}$/);
    // Put to rest on this phone a moment ago: nobody has written down when.
    expect(rests({})).toMatch(/^xx\.{12}b$/);
  });
});

describe("from the phone's database", () => {
  const HABIT = "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d";
  let db: Database;
  const had = async (table: string, row: Record<string, unknown>) => {
    const names = Object.keys(row);
    await db.execute(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`, Object.values(row));
  };
  const done = (id: string, date: string, more: object = {}) => had("completions", { id, habit_id: HABIT, date, actor: "", type: "FULL", source: "app", ...more });
  const model = async () => {
    const made = new SyncModel(db, { user_id: "ada", tz: "UTC", day_start_min: 0, week_start: 1 }, () => Date.parse("2026-11-16T12:00:00Z"));
    await made.load();
    return made;
  };

  beforeEach(async () => (db = await openDatabase()));

  it("draws the days, and tells how it went", async () => {
    await had("habits", { id: HABIT, scope: "u:ada", user_id: "ada", name: "Water", status: "ACTIVE", created_at: CREATED });
    await done("a", "2026-11-12");
    await done("b", "2026-11-14");
    await done("other", "2026-11-15", { habit_id: "other" });
    const made = await (await model()).past();
    expect((await made.squares(HABIT, "2026-11-12", "2026-11-16")).map(({ state }) => state)).toEqual(["done", "none", "done", "none", "open"]);
    expect(await made.told(HABIT)).toMatchObject({ rate: { done: 2, asked: 14 }, comeback: { comebacks: 2 } });
  });

  it("knows by the days around whether a quota still asks", async () => {
    await had("habits", { id: HABIT, scope: "u:ada", user_id: "ada", name: "Run", status: "ACTIVE", created_at: CREATED, freq_num: 1, freq_den: 30, freq_window: "calendar" });
    await done("a", "2026-11-03");
    const made = await (await model()).past();
    expect(await made.told(HABIT)).toBeNull();
    expect(await made.squares(HABIT, "2026-11-16", "2026-11-16")).toEqual([{ date: "2026-11-16", due: false, state: "none" }]);
    const days = await made.days("2026-11-14", "2026-11-15");
    expect(days).toEqual([{ date: "2026-11-14", items: [] }, { date: "2026-11-15", items: [] }]);
    expect((await made.days("2026-11-03", "2026-11-03"))[0]?.items).toMatchObject([{ done: true }]);
  });
});

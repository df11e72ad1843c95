import { beforeEach, describe, expect, it } from "vitest";
import { type Hub, SyncModel } from "../../src/sync/model";
import { asSeen } from "../../src/sync/seen";
import { type Database, openDatabase } from "./database";

const ME = { user_id: "ada", tz: "Europe/Berlin", day_start_min: 240, week_start: 1 };
/** A Tuesday: in Berlin, with a day that begins at four, still the 24th. */
const NOW = Date.parse("2026-11-25T02:00:00Z");
const DATE = "2026-11-24";
const MADE = Date.parse("2026-11-01T12:00:00Z");
const HABIT = "0190a7b2-6f3e-7c4d-9a51-2b7e8f6a1c3d";

let db: Database;
let now = NOW;

/** What the hub would have sent: rows that are here and wait for nothing. */
async function had(table: string, row: Record<string, unknown>): Promise<void> {
  const names = Object.keys(row);
  await db.execute(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`, Object.values(row));
  await db.execute("DELETE FROM ps_crud");
}

async function habit(columns: Record<string, unknown> = {}): Promise<string> {
  const id = String(columns["id"] ?? HABIT);
  await had("habits", { id, scope: "u:ada", user_id: "ada", name: "Water", status: "ACTIVE", created_at: MADE, ...columns });
  return id;
}

async function model(): Promise<SyncModel> {
  const made = new SyncModel(db, ME, () => now);
  await made.load();
  return made;
}

/** The hub, as far as a test asks it. */
function hub(answers: Partial<Hub>): Hub {
  const silent = () => Promise.reject(new Error("not asked"));
  return { act: silent, addBreak: silent, dropBreak: silent, ...answers };
}

/** What was meant by what waits to be sent. */
async function meant(): Promise<unknown[]> {
  return (await db.queue()).map(({ op, metadata }) => ({ op, ...(JSON.parse(metadata ?? "{}") as object) }));
}

const glasses = { kind: "measurable", target_value: 3, unit: "glasses", step: 1 };
const of = { habit_id: HABIT, date: DATE };

beforeEach(async () => {
  now = NOW;
  db = await openDatabase();
});

describe("the day", () => {
  it("is the person's, and holds what is due or stands anyway", async () => {
    await habit();
    await habit({ id: "weekend", name: "Rest", frequency: "WEEKENDS" });
    await habit({ id: "gone", name: "Old", status: "ARCHIVED" });
    await had("completions", { id: "c", habit_id: "gone", date: DATE, actor: "", type: "FULL", source: "app" });
    const { today } = await model();
    expect(today).toEqual({
      date: DATE,
      items: [
        { habit_id: HABIT, name: "Water", kind: "boolean", due: true, done: false, type: null, value: null, target: null, unit: null, date: DATE },
        { habit_id: "gone", name: "Old", kind: "boolean", due: false, done: true, type: "FULL", value: null, target: null, unit: null, date: DATE },
      ],
    });
  });

  it("knows the profile that was synced", async () => {
    await habit();
    await had("users", { id: "ada", tz: "UTC", day_start_min: 0, week_start: 1 });
    expect((await model()).today?.date).toBe("2026-11-25");
  });

  it("turns while the page is open", async () => {
    await habit();
    const made = await model();
    now = Date.parse("2026-11-25T03:00:00Z");
    await made.turn();
    expect(made.today?.date).toBe("2026-11-25");
  });

  it("asks of a quota what the other days of its week have left", async () => {
    await habit({ freq_num: 1, freq_den: 7 });
    expect((await model()).today?.items[0]?.due).toBe(true);
    await had("completions", { id: "c", habit_id: HABIT, date: "2026-11-23", actor: "", type: "FULL", source: "app" });
    expect((await model()).today?.items).toEqual([]);
  });

  it("says how a quota stands, and where somebody wrote a note", async () => {
    await habit({ freq_num: 3, freq_den: 7 });
    await had("completions", { id: "c", habit_id: HABIT, date: "2026-11-23", actor: "", type: "FULL", source: "app" });
    const phone = await model();
    expect(phone.today?.items[0]).toMatchObject({ quota: { done: 1, of: 3, days: 7 } });
    expect(phone.today?.items[0]).not.toHaveProperty("noted");
    await phone.note(of, "In the garden.");
    await phone.changed(["completions"]);
    await phone.act(of, "complete");
    expect(phone.today?.items[0]).toMatchObject({ quota: { done: 2, of: 3 }, noted: true });
  });

  it("shows each person their own of what everyone does", async () => {
    await habit({ scope: "h:home", completion_mode: "EVERYONE" });
    await had("completions", { id: "c", habit_id: HABIT, date: DATE, actor: "bob", type: "FULL", source: "app" });
    const made = await model();
    expect(made.today?.items[0]?.done).toBe(false);
    await made.act(of, "complete");
    expect(made.today?.items[0]?.done).toBe(true);
    expect((await db.queue())[0]?.data).toMatchObject({ actor: "ada" });
  });
});

describe("a tap", () => {
  it("is written under the day's own id, with what was meant and when", async () => {
    await habit();
    const made = await model();
    const receipt = await made.act(of, "complete");
    expect(receipt).toMatchObject({ outcome: "applied", habit: { done: true, type: "FULL" } });
    expect(made.today?.items[0]?.done).toBe(true);
    const [written, ...more] = await db.queue();
    expect(more).toEqual([]);
    expect(written).toMatchObject({
      op: "PUT", type: "completions", id: "e4c734f4-0e0f-863a-8525-719a5f174fd8",
      data: { habit_id: HABIT, date: DATE, actor: "", type: "FULL" },
    });
    expect(JSON.parse(written?.metadata ?? "")).toEqual({ verb: "full", at: NOW });
  });

  it("is written once, however often", async () => {
    await habit();
    const made = await model();
    await made.act(of, "complete");
    expect(await made.act(of, "complete")).toMatchObject({ outcome: "unchanged" });
    expect(await db.queue()).toHaveLength(1);
  });

  it("is taken back as the deletion of its row, unless somebody wrote words there", async () => {
    await habit();
    const made = await model();
    const first = await made.act(of, "complete");
    await made.act(of, "undo", { event_id: first.event_id as string });
    expect(await meant()).toEqual([{ op: "PUT", verb: "full", at: NOW }, { op: "DELETE", verb: "undo", at: NOW }]);
    expect(made.today?.items[0]).toMatchObject({ done: false, type: null });

    await db.execute("DELETE FROM ps_crud");
    await made.act(of, "complete", { note: "With the window open." });
    await made.act(of, "undo");
    expect((await db.queue())[1]).toMatchObject({ op: "PATCH", data: { type: null }, old: { type: "FULL" } });
    expect(await db.getAll("SELECT note, type FROM completions")).toEqual([{ note: "With the window open.", type: null }]);
  });

  it("leaves what stood before when it is taken back", async () => {
    await habit();
    await had("completions", { id: "c", habit_id: HABIT, date: DATE, actor: "", type: "PARTIAL", partial_percent: 40, source: "app" });
    const made = await model();
    const full = await made.act(of, "complete");
    const back = await made.act(of, "undo", { event_id: full.event_id as string });
    expect(back.habit).toMatchObject({ type: "PARTIAL", done: true });
    expect(await meant()).toEqual([{ op: "PATCH", verb: "full", at: NOW }, { op: "PATCH", verb: "partial", value: 40, at: NOW }]);
  });

  it("can be taken back, put back, and taken back again", async () => {
    await habit();
    const made = await model();
    let last = await made.act(of, "complete", { percent: 30 });
    for (const type of [null, "PARTIAL", null, "PARTIAL"]) {
      last = await made.act(of, "undo", { event_id: last.event_id as string });
      expect(last.habit.type).toBe(type);
    }
    expect((await db.queue()).map(({ op }) => op)).toEqual(["PUT", "DELETE", "PUT", "DELETE", "PUT"]);
  });

  it("of another, named by the hub's id, is taken back by the hub", async () => {
    await habit();
    const asked: unknown[] = [];
    const made = new SyncModel(db, ME, () => now, hub({ act: (...of) => (asked.push(of), Promise.reject(new Error("away"))) }));
    await made.load();
    await expect(made.act(of, "undo", { event_id: "0190a7b2-8b11-7d2c-9e3f-4a5b6c7d8e9f" })).rejects.toThrow("away");
    expect(asked).toEqual([[of, "undo", { event_id: "0190a7b2-8b11-7d2c-9e3f-4a5b6c7d8e9f" }]]);
    expect(await db.queue()).toEqual([]);
  });

  it("is found again among the days of its habit", async () => {
    await habit();
    await had("completions", { id: "b", habit_id: HABIT, date: "2026-11-20", actor: "", type: "SKIPPED", skip_reason: "NO_TIME", note: "Hm", source: "device" });
    const made = await model();
    await made.act(of, "complete", { percent: 30 });
    expect(await made.days(HABIT, "2026-11-20", DATE)).toEqual([
      { date: "2026-11-20", type: "SKIPPED", percent: null, value: null, skip_reason: "NO_TIME", note: "Hm", source: "device" },
      { date: DATE, type: "PARTIAL", percent: 30, value: null, skip_reason: null, note: null, source: "app" },
    ]);
    expect(await made.days(HABIT, "2026-11-25", "2026-11-30")).toEqual([]);
  });

  it("reaches the row that is there, whatever its id", async () => {
    await habit();
    await had("completions", { id: "other", habit_id: HABIT, date: DATE, actor: "", note: "Hm", source: null });
    await (await model()).act(of, "skip", { reason: "TRAVELING" });
    expect(await db.queue()).toMatchObject([{ op: "PATCH", id: "other", data: { type: "SKIPPED", skip_reason: "TRAVELING" } }]);
  });

  it("does nothing for a day that has not come, or a habit that is none", async () => {
    await habit();
    const made = await model();
    await expect(made.act({ habit_id: HABIT, date: "2026-11-25" }, "complete")).rejects.toThrow();
    await expect(made.act({ habit_id: "none", date: DATE }, "complete")).rejects.toThrow();
    expect(await made.act(of, "undo")).toMatchObject({ outcome: "unchanged" });
    expect(await db.queue()).toEqual([]);
  });
});

describe("an amount", () => {
  it("adds up, and says what was added", async () => {
    await habit(glasses);
    const made = await model();
    await made.act(of, "complete", { value: 1 });
    const second = await made.act(of, "complete", { value: 1 });
    expect(second.habit).toMatchObject({ value: 2, target: 3, type: "PARTIAL", done: false });
    const third = await made.act(of, "complete", { value: 1 });
    expect(third.habit).toMatchObject({ value: 3, type: "FULL", done: true });
    expect(await meant()).toEqual([
      { op: "PUT", verb: "add", value: 1, at: NOW }, { op: "PATCH", verb: "add", value: 1, at: NOW }, { op: "PATCH", verb: "add", value: 1, at: NOW },
    ]);
    expect(await db.getAll("SELECT partial_percent AS p FROM completions")).toEqual([{ p: null }]);
  });

  it("goes down by what was added last, and to nothing", async () => {
    await habit({ ...glasses, step: 0.5 });
    const made = await model();
    await made.act(of, "complete", { value: 2 });
    await made.act(of, "complete", { value: 0.5 });
    expect((await made.act(of, "undo")).habit.value).toBe(2);
    expect((await made.act(of, "undo")).habit).toMatchObject({ value: 0, type: null });
    expect((await meant()).slice(2)).toEqual([
      { op: "PATCH", verb: "add", value: -0.5, at: NOW }, { op: "PATCH", verb: "add", value: -2, at: NOW },
    ]);
  });

  it("of another page goes down by a step", async () => {
    await habit(glasses);
    await had("completions", { id: "c", habit_id: HABIT, date: DATE, actor: "", type: "FULL", amount: 5, source: "device" });
    const made = await model();
    expect((await made.act(of, "undo")).habit).toMatchObject({ value: 4, done: true });
    expect(await meant()).toEqual([{ op: "PATCH", verb: "add", value: -1, at: NOW }]);
  });

  it("of another page is taken back by the hub, where the latest is meant", async () => {
    await habit({ ...glasses, step: 2.5 });
    const asked: unknown[] = [];
    const made = new SyncModel(db, ME, () => now, hub({ act: (...of) => (asked.push(of), Promise.reject(new Error("away"))) }));
    await had("completions", { id: "c", habit_id: HABIT, date: DATE, actor: "", type: "FULL", amount: 15, source: "device" });
    await made.load();
    await expect(made.act(of, "undo", { latest: true })).rejects.toThrow("away");
    expect(asked).toEqual([[of, "undo"]]);
    expect(await db.queue()).toEqual([]);
    // What was done here needs no hub.
    await made.act(of, "complete", { value: 12 });
    expect((await made.act(of, "undo", { latest: true })).habit.value).toBe(15);
    await expect(made.act(of, "undo", { latest: true })).rejects.toThrow("away");
    expect(asked).toHaveLength(2);
  });

  it("is filled by a tap, and is again what it was when that is taken back", async () => {
    await habit(glasses);
    await had("completions", { id: "c", habit_id: HABIT, date: DATE, actor: "", type: "PARTIAL", partial_percent: 33, amount: 1, source: "app" });
    const made = await model();
    await made.act(of, "complete");
    expect((await made.act(of, "undo")).habit).toMatchObject({ value: 1, type: "PARTIAL" });
    expect(await meant()).toEqual([{ op: "PATCH", verb: "set", value: 3, at: NOW }, { op: "PATCH", verb: "set", value: 1, at: NOW }]);
  });

  it("is kept by a day that is left out", async () => {
    await habit(glasses);
    const made = await model();
    await made.act(of, "complete", { value: 1 });
    await made.act(of, "skip");
    expect(made.today?.items[0]).toMatchObject({ type: "SKIPPED", value: 1 });
    expect((await made.act(of, "undo")).habit).toMatchObject({ type: "PARTIAL", value: 1 });
  });

  it("beyond a limit is a part", async () => {
    await habit({ ...glasses, target_type: "at_most", target_value: 2 });
    const made = await model();
    expect((await made.act(of, "complete", { set: 2 })).habit.type).toBe("FULL");
    expect((await made.act(of, "complete", { value: 1 })).habit.type).toBe("PARTIAL");
    expect(await db.getAll("SELECT partial_percent AS p FROM completions")).toEqual([{ p: 50 }]);
  });
});

describe("habits", () => {
  it("can be made and changed here", async () => {
    const made = await model();
    const water = await made.addHabit({ name: "Water", anchor_behavior: "make coffee" });
    expect(water).toMatchObject({ name: "Water", kind: "boolean", frequency: "DAILY", status: "ACTIVE" });
    expect(made.today?.items).toMatchObject([{ habit_id: water.id, due: true }]);
    await made.changeHabit(water.id, { frequency: "CUSTOM", active_days: "[7]" });
    expect(made.today?.items).toEqual([]);
    expect(await db.queue()).toMatchObject([
      { op: "PUT", type: "habits", data: { name: "Water", user_id: "ada" } },
      { op: "PATCH", type: "habits", data: { frequency: "CUSTOM", active_days: "[7]" } },
    ]);
  });

  it("take words on their days, which are no deeds", async () => {
    await habit();
    const made = await model();
    await made.note(of, "Slept well");
    expect(made.today?.items[0]?.type ?? null).toBe(null);
    await made.note(of, "");
    expect((await db.queue()).map(({ op, metadata }) => [op, metadata])).toEqual([
      ["PUT", JSON.stringify({ at: NOW })], ["DELETE", JSON.stringify({ at: NOW })],
    ]);
  });

  it("take with their words what the person had read", async () => {
    await habit();
    await had("completions", { id: "c", habit_id: HABIT, date: DATE, actor: "", note: "Theirs", type: "FULL", source: "app" });
    const made = await model();
    // Theirs came in while somebody wrote into an empty field.
    await made.note(of, "Mine", null);
    expect((await db.queue()).map(asSeen)).toMatchObject([{ op: "PATCH", data: { note: "Mine" }, old: { note: null } }]);
    await db.execute("DELETE FROM ps_crud");
    await made.note(of, "", "Mine");
    expect((await db.queue()).map(asSeen)).toMatchObject([{ op: "PATCH", data: { note: null }, old: { note: "Mine" } }]);
  });

  it("say that they changed", async () => {
    await habit();
    const made = await model();
    const heard: string[] = [];
    for (const type of ["today", "rows"]) made.addEventListener(type, () => heard.push(type));
    await made.changed(["completions"]);
    await made.changed(["habits", "completions"]);
    expect(heard).toEqual(["today", "today", "rows"]);
  });
});

describe("breaks", () => {
  const rest = (more: Record<string, unknown> = {}) =>
    had("pauses", { id: "rest", scope: "u:ada", user_id: "ada", habit_id: HABIT, from_date: "2026-11-20", ...more });

  it("end with yesterday as soon as a habit goes on, without the hub", async () => {
    await habit({ status: "PAUSED" });
    await rest();
    const made = await model();
    expect(made.today?.items).toEqual([]);
    await made.changeHabit(HABIT, { status: "ACTIVE" });
    expect(made.today?.items).toMatchObject([{ habit_id: HABIT, due: true }]);
    expect(await made.breaks()).toMatchObject([{ id: "rest", from_date: "2026-11-20", to_date: "2026-11-23" }]);
    // The break first: a hub that hears of the habit alone would end it by its own clock.
    expect(await db.queue()).toMatchObject([
      { op: "PATCH", type: "pauses", data: { to_date: "2026-11-23" }, old: { to_date: null }, metadata: JSON.stringify({ at: NOW }) },
      { op: "PATCH", type: "habits", data: { status: "ACTIVE" }, old: { status: "PAUSED" } },
    ]);
  });

  it("that began today were none when a habit goes on", async () => {
    await habit({ status: "ARCHIVED" });
    await rest({ from_date: DATE });
    const made = await model();
    await made.changeHabit(HABIT, { status: "ACTIVE" });
    expect(made.today?.items).toHaveLength(1);
    expect(await made.breaks()).toEqual([]);
  });

  it("of one's own choice stay: of a habit that was active, of everything, with an end", async () => {
    await habit();
    await rest();
    await rest({ id: "all", habit_id: null });
    await rest({ id: "past", from_date: "2026-11-02", to_date: "2026-11-03" });
    await (await model()).changeHabit(HABIT, { status: "ACTIVE", name: "Tea" });
    expect(await db.queue()).toMatchObject([{ type: "habits" }]);
  });

  it("can be made and taken away here", async () => {
    await habit();
    const made = await model();
    const { id } = await made.addBreak({ habit_id: null, from_date: "2026-11-22", to_date: null, reason: "a cold" });
    expect(made.today?.items).toEqual([]);
    expect(await made.breaks()).toMatchObject([{ id, habit_id: null, from_date: "2026-11-22", reason: "a cold" }]);
    await made.dropBreak(id);
    expect(made.today?.items).toHaveLength(1);
    expect(await db.queue()).toMatchObject([
      { op: "PUT", type: "pauses", id, data: { scope: "u:ada", user_id: "ada", from_date: "2026-11-22", reason: "a cold" } }, { op: "DELETE", type: "pauses", id },
    ]);
  });

  it("of one's own from what a household does are asked of the hub", async () => {
    await habit({ scope: "h:home" });
    const wish = { habit_id: HABIT, from_date: DATE, to_date: null, reason: null };
    await rest({ id: "mine", habit_id: HABIT });
    const gone: string[] = [];
    const made = new SyncModel(db, ME, () => now, hub({ addBreak: (fields) => Promise.resolve({ ...fields, id: "b" }), dropBreak: async (id) => void gone.push(id) }));
    await made.load();
    expect(await made.addBreak(wish)).toEqual({ ...wish, id: "b" });
    await made.dropBreak("mine");
    expect(gone).toEqual(["mine"]);
    expect(await db.queue()).toEqual([]);
  });
});

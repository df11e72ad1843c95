import { describe, expect, it } from "vitest";
import { type Day, logicalDay, type Person, toDay, toText } from "../../src/sync/calendar";
import { type Mark, type Marks, Plan } from "../../src/sync/due";
import type { HabitRow, PauseRow, ScheduleRow } from "../../src/sync/rows";

/** The cases of `hub/core/src/plan/tests.rs` and `hub/core/src/day.rs`, as far as they ask what is due. */

/** 2026-11-02 is a Monday. */
const MONDAY = toDay("2026-11-02") as Day;
const CREATED = Date.parse("2026-11-02T00:00:00Z");
const PERSON: Person = { tz: "UTC", day_start_min: 0, week_start: 1 };

const ASKED = {
  frequency: null, active_days: null, freq_num: null, freq_den: null, freq_window: null, target_type: null, target_value: null, unit: null, kind: null,
};

function habit(columns: Partial<HabitRow> = {}): HabitRow {
  return {
    ...ASKED, id: "h", scope: "u:ada", user_id: "ada", created_at: CREATED, name: "Habit", anchor_behavior: null, anchor_type: null, step: null,
    status: "ACTIVE", start_date: null, sort_key: null, completion_mode: null, micro_version: null, micro_active: null, ...columns,
  };
}

function dated(valid_from: string, columns: Partial<ScheduleRow> = {}): ScheduleRow {
  return { ...ASKED, habit_id: "h", valid_from, ...columns };
}

function plan(columns: Partial<HabitRow> = {}, pauses: [string, string | null][] = [], schedules: ScheduleRow[] = [], person = PERSON): Plan {
  const breaks: PauseRow[] = pauses.map(([from_date, to_date]) => ({ habit_id: null, from_date, to_date }));
  return new Plan(habit(columns), schedules, breaks, person);
}

const quota = (freq_num: number, freq_den: number) => ({ freq_num, freq_den });

/** `x` done, `s` left out, `l` lapsed, `p` passed, anything else nothing; from the Monday on. */
function marks(text: string): Marks {
  const meaning: Record<string, Mark> = { x: "done", s: "skipped", l: "lapsed", p: "passed" };
  return new Map([...text.replaceAll(" ", "")].flatMap((c, n): [Day, Mark][] => (meaning[c] ? [[MONDAY + n, meaning[c]]] : [])));
}

function shown(days: number, judge: (day: Day) => boolean): string {
  return Array.from({ length: days }, (_, n) => (judge(MONDAY + n) ? "D" : ".")).join("");
}

const due = (of: Plan, marked = "", days = 14) => shown(days, (day) => of.due(day, marks(marked)));

describe("due", () => {
  it("knows weekdays, breaks and beginnings", () => {
    expect(due(plan())).toBe("DDDDDDDDDDDDDD");
    expect(due(plan({ frequency: "WEEKDAYS" }))).toBe("DDDDD..DDDDD..");
    expect(due(plan({ frequency: "WEEKENDS" }))).toBe(".....DD.....DD");
    expect(due(plan({ frequency: "CUSTOM", active_days: "[1,3,7]" }))).toBe("D.D...DD.D...D");
    expect(due(plan({ start_date: "2026-11-05" }))).toBe("...DDDDDDDDDDD");
    expect(due(plan({}, [["2026-11-04", "2026-11-06"]]))).toBe("DD...DDDDDDDDD");
    expect(due(plan({}, [["2026-11-04", null]]))).toBe("DD............");
    expect(due(plan({ status: "PAUSED" }))).toBe("..............");
  });

  it("takes days that make no sense for every day, as the hub shows them", () => {
    for (const active_days of ["", "[]", "[0]", "[8]", "{}", "[1.5]", null]) {
      expect(due(plan({ frequency: "CUSTOM", active_days }), "", 7), String(active_days)).toBe("DDDDDDD");
    }
  });

  it.each([
    ["nothing done", quota(3, 7), "....... .......", "DDDDDDDDDDDDDD"],
    ["met early", quota(3, 7), "xxx.... .......", "DDD....DDDDDDD"],
    ["one by one", quota(3, 7), "x..x... x.....x", "DDDDDDDDDDDDDD"],
    ["weekly", quota(1, 7), ".....x. .......", ".....D.DDDDDDD"],
  ])("asks until a quota is met: %s", (_, columns, marked, expected) => {
    expect(due(plan(columns), marked)).toBe(expected);
  });

  it("wants less of a week that is cut short", () => {
    expect(due(plan({ ...quota(3, 7), start_date: "2026-11-06" }))).toBe("....DDDDDDDDDD");
  });

  it("begins the week where the person says", () => {
    const sunday = plan(quota(1, 7), [], [], { ...PERSON, week_start: 7 });
    expect(due(sunday, "x")).toBe("D.....DDDDDDDD");
  });

  it("looks back from each day for a rolling quota", () => {
    expect(due(plan({ ...quota(2, 4), freq_window: "rolling" }), "xx", 10)).toBe("DD..DDDDDD");
  });

  it("follows months, years and stretches of so many days", () => {
    const done: Marks = new Map([[toDay("2026-11-10") as Day, "done"]]);
    const of = (columns: Partial<HabitRow>) => (day: string) => plan(columns).due(toDay(day) as Day, done);
    expect(["2026-11-09", "2026-11-10", "2026-11-30", "2026-12-01"].map(of(quota(1, 30)))).toEqual([false, true, false, true]);
    expect(["2026-12-31", "2027-01-01"].map(of(quota(1, 365)))).toEqual([false, true]);
    // Ten days each, from the first day on.
    expect(["2026-11-11", "2026-11-12", "2026-11-02"].map(of(quota(1, 10)))).toEqual([false, true, false]);
  });

  it("leaves the past as it was when something changes", () => {
    const weekends = { frequency: "WEEKENDS" };
    const rows = [dated("2026-11-02", { frequency: "DAILY" }), dated("2026-11-05", weekends), { ...dated("2026-11-03", weekends), habit_id: "other" }];
    expect(due(plan(weekends, [], rows))).toBe("DDD..DD.....DD");
  });

  it("begins no period anew when only the measure changes", () => {
    const rows = [dated("2026-11-02", { ...quota(1, 7), unit: "lines" }), dated("2026-11-04", { ...quota(1, 7), unit: "pages" })];
    expect(due(plan({ ...quota(1, 7), unit: "pages" }, [], rows), "x", 8)).toBe("D......D");
  });

  it("judges each day as it was measured then", () => {
    const rows = [dated("2026-11-02", { target_type: "at_least" }), dated("2026-11-04", { target_type: "at_most" })];
    const of = plan({ kind: "measurable", target_type: "at_most", target_value: 5 }, [], rows);
    expect(of.mark(MONDAY + 1, "PARTIAL", "app")).toBe("done");
    expect(of.mark(MONDAY + 2, "PARTIAL", "app")).toBe("lapsed");
    expect(of.mark(MONDAY + 2, "FULL", "app")).toBe("done");
    expect(of.mark(MONDAY + 2, "SKIPPED", "app")).toBe("skipped");
    expect(of.mark(MONDAY + 2, "MISSED", "engine")).toBe("passed");
    expect(of.mark(MONDAY + 2, null, "app")).toBe(null);
  });

  it("knows breaks that overlap, have no end or make no sense", () => {
    const paused = (pauses: [string, string | null][]) => shown(14, (day) => plan({}, pauses).paused(day));
    expect(paused([["2026-11-04", "2026-11-05"], ["2026-11-03", "2026-11-10"], ["2026-11-11", "2026-11-11"]])).toBe(".DDDDDDDDD....");
    expect(paused([["2026-11-03", null], ["2026-11-05", "2026-11-06"]])).toBe(".DDDDDDDDDDDDD");
    expect(paused([["2026-11-05", "2026-11-04"]])).toBe("..............");
    expect(paused([])).toBe("..............");
  });

  it("asks every day for staying away, whatever quota it has", () => {
    expect(due(plan({ kind: "avoid" }), "", 7)).toBe("DDDDDDD");
    expect(due(plan({ kind: "avoid", ...quota(1, 7) }), "x", 7)).toBe("DDDDDDD");
  });
});

describe("the logical day", () => {
  it.each([
    ["2026-11-24T22:59:59Z", "Europe/Berlin", 0, "2026-11-24"],
    ["2026-11-24T23:00:00Z", "Europe/Berlin", 0, "2026-11-25"],
    // a day that begins at 4 in the morning holds the small hours of the next date
    ["2026-11-25T02:59:59Z", "Europe/Berlin", 240, "2026-11-24"],
    ["2026-11-25T03:00:00Z", "Europe/Berlin", 240, "2026-11-25"],
    ["2026-11-25T11:59:59Z", "UTC", 720, "2026-11-24"],
    ["2026-11-25T12:00:00Z", "UTC", 720, "2026-11-25"],
    // clocks forward: with a start at 02:30 the day begins at 03:00
    ["2026-03-29T00:59:59Z", "Europe/Berlin", 150, "2026-03-28"],
    ["2026-03-29T01:00:00Z", "Europe/Berlin", 150, "2026-03-29"],
    // clocks back: 02:30 comes twice
    ["2026-10-25T00:30:00Z", "Europe/Berlin", 150, "2026-10-25"],
    ["2026-10-25T01:00:00Z", "Europe/Berlin", 150, "2026-10-24"],
    ["2026-10-25T01:30:00Z", "Europe/Berlin", 150, "2026-10-25"],
    ["2028-02-29T12:00:00Z", "UTC", 0, "2028-02-29"],
    ["2027-03-01T00:00:00Z", "UTC", 60, "2027-02-28"],
    ["2028-03-01T00:00:00Z", "UTC", 60, "2028-02-29"],
    ["2026-11-24T10:00:00Z", "Pacific/Kiritimati", 0, "2026-11-25"],
    ["2026-11-24T10:00:00Z", "Etc/GMT+12", 0, "2026-11-23"],
    ["2026-11-24T10:00:00Z", "Pacific/Pago_Pago", 0, "2026-11-23"],
    // Samoa had no 30 December 2011
    ["2011-12-30T09:59:59Z", "Pacific/Apia", 0, "2011-12-29"],
    ["2011-12-30T10:00:00Z", "Pacific/Apia", 0, "2011-12-31"],
    ["2026-11-24T23:00:00Z", "Europe/Atlantis", 0, "2026-11-24"],
  ])("of %s in %s from minute %i is %s", (at, tz, day_start_min, expected) => {
    expect(toText(logicalDay(Date.parse(at), { tz, day_start_min }))).toBe(expected);
  });

  it("reads dates that are dates", () => {
    for (const bad of ["", "2026-2-3", "2026-02-30", "2026-13-01", "yesterday", null, undefined]) expect(toDay(bad)).toBe(null);
    expect(toDay("1970-01-01")).toBe(0);
  });
});

describe("a quota", () => {
  it("says how far it is met, the day with it, and nothing of another period", () => {
    const week = plan(quota(3, 7));
    expect(week.quota(MONDAY + 2, marks("x.x.... x"))).toEqual({ done: 2, of: 3, days: 7, rolling: false });
    expect(week.quota(MONDAY + 8, marks("xxx.... x"))).toEqual({ done: 1, of: 3, days: 7, rolling: false });
    expect(plan({ ...quota(2, 7), freq_window: "rolling" }).quota(MONDAY + 8, marks(".xx"))).toEqual({ done: 1, of: 2, days: 7, rolling: true });
    expect(plan().quota(MONDAY, marks("x"))).toBeUndefined();
    expect(plan({ ...quota(3, 7), kind: "avoid" }).quota(MONDAY, marks("x"))).toBeUndefined();
  });

  it("is smaller where a break takes days of the week", () => {
    expect(plan(quota(3, 7), [["2026-11-05", "2026-11-08"]]).quota(MONDAY, marks("x"))).toMatchObject({ done: 1, of: 1 });
  });
});

it("knows which days decide with a day, so that no others are read", () => {
  const around = (columns: Partial<HabitRow>, day: number) => plan(columns).around(MONDAY + day)?.map((other) => other - MONDAY) ?? null;
  expect(around({}, 9)).toBe(null);
  expect(around({ ...quota(1, 7), kind: "avoid" }, 9)).toBe(null);
  expect(around(quota(3, 7), 9)).toEqual([7, 13]);
  expect(around({ ...quota(3, 7), freq_window: "rolling" }, 9)).toEqual([3, 9]);
  // November 2026, seen from its tenth.
  expect(around(quota(10, 30), 9)).toEqual([-1, 28]);
  expect(around(quota(2, 5), 9)).toEqual([5, 9]);
});

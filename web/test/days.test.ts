import { describe, expect, it } from "vitest";
import { addDays, amountText, cellText, look, lookOf, staysAway, stretch, sums, weekday } from "../src/app/days";
import { inOrder } from "../src/rules";
import { words } from "../src/texts/history";
import type { DayCell, Habit, Square, TodayItem } from "../src/types";

const habit = (more: Partial<Habit> = {}): Habit => ({
  id: "h", name: "Read", anchor_behavior: "", anchor_type: "AFTER_BEHAVIOR", kind: "boolean", target_value: null, unit: null, step: 1,
  frequency: "DAILY", active_days: null, freq_num: 1, freq_den: 1, freq_window: "calendar", target_type: "at_least", status: "ACTIVE",
  micro_version: null, micro_active: 0, start_date: null, sort_key: null, created_at: 0, ...more,
});
const avoid = habit({ kind: "avoid" });
const limit = habit({ kind: "measurable", target_type: "at_most", target_value: 60, unit: "minutes" });
const item = (more: Partial<TodayItem>) => ({ type: null, done: false, due: true, ...more });
const cell = (more: Partial<DayCell>): DayCell => ({ date: "2026-11-30", type: null, percent: null, value: null, skip_reason: null, note: null, source: "app", ...more });

describe("days of the calendar", () => {
  it.each([
    ["2026-02-28", 1, "2026-03-01"],
    ["2024-02-28", 1, "2024-02-29"],
    ["2026-01-01", -1, "2025-12-31"],
    ["2026-03-28", 2, "2026-03-30"],
    ["2026-10-24", 2, "2026-10-26"],
  ])("%s and %i days is %s", (date, days, expected) => expect(addDays(date, days)).toBe(expected));

  it("begins a week on Monday", () => {
    expect(stretch("2026-11-30", "2026-12-06").map(weekday)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });
});

describe("the look of a day", () => {
  it.each<[string, Partial<TodayItem> | null, Habit, boolean, string]>([
    ["a day that asks for nothing", null, habit(), false, "free"],
    ["done", { done: true, type: "FULL" }, habit(), false, "done"],
    ["a part", { done: true, type: "PARTIAL" }, habit(), false, "part"],
    ["some of an amount", { type: "PARTIAL" }, habit({ kind: "measurable", target_value: 8 }), false, "part"],
    ["left out", { type: "SKIPPED" }, habit(), true, "skipped"],
    ["today, before anything", {}, habit(), true, "open"],
    ["a day that passed", { type: "MISSED" }, habit(), false, "none"],
    ["staying away, today", {}, avoid, true, "open"],
    ["staying away, a day without a word", {}, avoid, false, "done"],
    ["staying away, with a word", { type: "MISSED" }, avoid, false, "none"],
    ["a limit, a day without a word", {}, limit, false, "done"],
    ["a limit that was passed", { type: "PARTIAL" }, limit, false, "none"],
  ])("%s", (_, of, whose, isToday, expected) => {
    expect(look(of === null ? undefined : item(of), whose, isToday)).toBe(expected);
  });

  it.each<[Square["state"], boolean, Partial<DayCell> | null, Habit, string]>([
    ["done", true, { type: "FULL" }, habit(), "done"],
    ["done", true, { type: "PARTIAL" }, habit(), "part"],
    ["done", true, null, avoid, "done"],
    ["none", true, { type: "PARTIAL" }, limit, "none"],
    ["none", true, { type: "MISSED" }, habit(), "none"],
    ["none", false, null, habit(), "free"],
    ["paused", false, null, habit(), "paused"],
    ["skipped", true, { type: "SKIPPED" }, habit(), "skipped"],
  ])("on the map: %s, due %s, %o", (state, due, of, whose, expected) => {
    expect(lookOf({ date: "2026-11-30", due, state }, of === null ? undefined : cell(of), whose)).toBe(expected);
  });

  it("of an amount that was not all of it is a part, whatever the hub's square says, and no day that was done", () => {
    const glasses = habit({ kind: "measurable", target_value: 8, unit: "glasses" });
    const looks = [cell({ type: "FULL", value: 8 }), cell({ type: "PARTIAL", value: 3 }), cell({ type: "PARTIAL", value: 7 })].map((of) =>
      lookOf({ date: of.date, due: true, state: "done" }, of, glasses),
    );
    expect(looks).toEqual(["done", "part", "part"]);
    expect(sums(looks)).toEqual({ done: 1, part: 2, skipped: 0 });
    expect(words.mapLabel(sums(looks))).toBe("Done on 1 day, in part on 2, left out on 0.");
  });

  it("stands in the person's order", () => {
    const habits = [habit({ id: "c", created_at: 3 }), habit({ id: "b", created_at: 1 }), habit({ id: "a", sort_key: "m" }), habit({ id: "d", created_at: 1 })];
    expect(inOrder(habits).map((one) => one.id)).toEqual(["b", "d", "c", "a"]);
  });

  it("knows who stays away", () => {
    expect([habit(), avoid, limit, habit({ kind: "measurable" }), undefined].map(staysAway)).toEqual([false, true, true, false, false]);
  });
});

describe("the words of a day", () => {
  it.each<[Partial<DayCell> | null, Habit, string]>([
    [null, habit(), ""],
    [{}, habit(), ""],
    [{ type: "MISSED" }, habit(), ""],
    [{ type: "FULL" }, habit(), "done"],
    [{ type: "PARTIAL", percent: 40 }, habit(), "In part: 40 %"],
    [{ type: "SKIPPED" }, habit(), "left out"],
    [{ type: "SKIPPED", skip_reason: "NO_TIME" }, habit(), "left out: No time"],
    [{ type: "SKIPPED", skip_reason: "Snow" }, habit(), "left out: Snow"],
    [{ type: "MISSED" }, avoid, "it happened"],
    [{ type: "FULL" }, avoid, "kept"],
    [{ type: "FULL", value: 45 }, limit, "45 of at most 60 minutes"],
  ])("%o of %o", (of, whose, expected) => expect(cellText(of === null ? null : cell(of), whose)).toBe(expected));

  it("says an amount without a target, too", () => {
    expect(amountText(null, { target: null, unit: "pages" })).toBe("0 pages");
  });
});

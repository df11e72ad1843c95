import { describe, expect, it } from "vitest";
import { activeDays, anchorText, changes, perOf, planOf, planText, quotaText, readFields, Unclear } from "../src/app/habit-draft";
import type { Habit } from "../src/types";

const habit = (more: Partial<Habit> = {}): Habit => ({
  id: "h", name: "Read", anchor_behavior: "get into bed", anchor_type: "AFTER_BEHAVIOR", kind: "boolean", target_value: null, unit: null, step: 1,
  frequency: "DAILY", active_days: null, freq_num: 1, freq_den: 1, freq_window: "calendar", target_type: "at_least", status: "ACTIVE",
  micro_version: null, micro_active: 0, start_date: null, sort_key: null, created_at: 0, ...more,
});

function form(fields: Record<string, string | string[]>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries({ kind: "boolean", plan: "DAILY", ...fields })) for (const one of [value].flat()) data.append(name, one);
  return data;
}

describe("reading the fields", () => {
  it.each<[Record<string, string | string[]>, object]>([
    [{}, { kind: "boolean", frequency: "DAILY", freq_num: 1, freq_den: 1 }],
    [{ kind: "avoid", plan: "WEEKDAYS" }, { kind: "avoid", frequency: "WEEKDAYS", freq_num: 1, freq_den: 1 }],
    [{ plan: "CUSTOM", day: ["5", "1"] }, { kind: "boolean", frequency: "CUSTOM", active_days: "[1,5]", freq_num: 1, freq_den: 1 }],
    [
      { kind: "measurable", target_type: "at_most", target: "60", unit: " ", step: "15" },
      { kind: "measurable", target_type: "at_most", target_value: 60, unit: null, step: 15, frequency: "DAILY", freq_num: 1, freq_den: 1 },
    ],
    [{ plan: "QUOTA", times: "3", per: "week", window: "rolling" }, { kind: "boolean", frequency: "DAILY", freq_num: 3, freq_den: 7, freq_window: "rolling" }],
    [{ plan: "QUOTA", times: "2", per: "month", window: "calendar" }, { kind: "boolean", frequency: "DAILY", freq_num: 2, freq_den: 30, freq_window: "calendar" }],
    [{ plan: "QUOTA", times: "2", per: "days", den: "10", window: "calendar" }, { kind: "boolean", frequency: "DAILY", freq_num: 2, freq_den: 10, freq_window: "calendar" }],
  ])("%o", (fields, expected) => expect(readFields(form(fields), null)).toEqual(expected));

  it.each<Record<string, string>>([
    { plan: "CUSTOM" },
    { plan: "QUOTA", times: "7", per: "week", window: "calendar" },
    { plan: "QUOTA", times: "4", per: "days", den: "3", window: "calendar" },
  ])("asks again about %o", (fields) => expect(() => readFields(form(fields), null)).toThrow(Unclear));

  it("keeps what it does not show: the length of a month, and days beside a quota", () => {
    const was = habit({ frequency: "WEEKDAYS", freq_num: 4, freq_den: 31 });
    expect(readFields(form({ plan: "QUOTA", times: "4", per: "month", window: "calendar" }), was)).toMatchObject({ frequency: "WEEKDAYS", freq_den: 31 });
  });
});

it("writes only what is other than before", () => {
  const was = habit({ frequency: "CUSTOM", active_days: "[1, 5]", unit: null });
  expect(changes(was, { name: "Read", frequency: "CUSTOM", active_days: "[1,5]", unit: null, freq_num: 1 })).toEqual({});
  expect(changes(was, { name: "Read aloud", active_days: "[1,6]", micro_active: 1 })).toEqual({ name: "Read aloud", active_days: "[1,6]", micro_active: 1 });
});

it.each<[Partial<Habit>, string]>([
  [{}, "every day"],
  [{ frequency: "WEEKENDS" }, "weekends"],
  [{ frequency: "CUSTOM", active_days: "[2,4]" }, "Tue, Thu"],
  [{ frequency: "CUSTOM", active_days: "no list" }, "every day"],
  [{ freq_num: 1, freq_den: 7 }, "once a week"],
  [{ freq_num: 3, freq_den: 30 }, "3 times a month"],
  [{ freq_num: 2, freq_den: 10 }, "2 times in 10 days"],
  [{ kind: "avoid", freq_num: 2, freq_den: 10 }, "every day"],
])("%o happens %s", (more, expected) => expect(planText(habit(more))).toBe(expected));

it("says when it happens", () => {
  expect(anchorText(habit())).toBe("after I get into bed");
  expect(anchorText(habit({ anchor_type: "AT_TIME", anchor_behavior: "7:30" }))).toBe("7:30");
  expect(anchorText(habit({ anchor_behavior: "" }))).toBe("");
});

it("knows a period by its length, and days from whatever stands there", () => {
  expect([7, 28, 31, 365, 366, 10, null].map(perOf)).toEqual(["week", "month", "month", "year", "year", "days", "days"]);
  expect([null, "[1,8,\"2\"]", "{}", "x"].map(activeDays)).toEqual([[], [1], [], []]);
  expect(planOf(habit({ freq_num: 7, freq_den: 7 }))).toBe("DAILY");
});

it.each([
  [7, false, "1 of 3 this week"],
  [30, false, "1 of 3 this month"],
  [365, false, "1 of 3 this year"],
  [10, false, "1 of 3 in 10 days"],
  [7, true, "1 of 3 in 7 days"],
])("a quota of %i days, rolling %s, stands at %s", (days, rolling, expected) => expect(quotaText({ done: 1, of: 3, days, rolling })).toBe(expected));

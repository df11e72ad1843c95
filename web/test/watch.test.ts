import { expect, it } from "vitest";
import { type Fresh, rows, tally, toDo } from "../src/app/watch-logic";
import type { Habit, Today, TodayItem } from "../src/types";

function item(habit_id: string, more: Partial<TodayItem> = {}): TodayItem {
  return { habit_id, name: habit_id, kind: "boolean", due: true, done: false, type: null, value: null, target: null, unit: null, date: "2026-11-24", ...more };
}
const today = (...items: TodayItem[]): Today => ({ date: "2026-11-24", items });
const show = (t: Today, fresh: Map<string, Fresh>, before: string[]) => rows(t, fresh, before).map((row) => `${row.item.habit_id}:${row.kind}`);

it("shows the next three that are open", () => {
  const day = today(item("a", { done: true }), item("b"), item("c", { type: "SKIPPED" }), item("d"), item("e", { due: false }), item("f"), item("g"));
  expect(show(day, new Map(), [])).toEqual(["b:open", "d:open", "f:open"]);
  expect(tally(day)).toEqual({ done: 1, total: 5, open: 4 });
});

it("keeps what was just done in its place until it is settled", () => {
  const done = item("b", { done: true });
  const day = today(item("a"), done, item("c"), item("d"));
  const fresh = new Map([["b", { item: done, event: "e" }]]);
  expect(show(day, fresh, ["a", "b", "c"])).toEqual(["a:open", "b:fresh", "c:open"]);
  expect(show(day, new Map(), ["a", "b", "c"])).toEqual(["a:open", "d:open", "c:open"]);
});

it("is empty when nothing is left", () => {
  expect(show(today(item("a", { done: true })), new Map(), ["a"])).toEqual([]);
});

it("has nothing to do for who stays away from something", () => {
  const habits = new Map([["b", { kind: "measurable", target_type: "at_most" } as Habit], ["c", { kind: "measurable", target_type: "at_least" } as Habit]]);
  const day = toDo(today(item("a", { kind: "avoid" }), item("b", { kind: "measurable" }), item("c", { kind: "measurable" }), item("d")), habits);
  expect(show(day, new Map(), [])).toEqual(["c:open", "d:open"]);
  expect(tally(day)).toEqual({ done: 0, total: 2, open: 2 });
});

import { describe, expect, it } from "vitest";
import { asideOf, changeText, type Change, columnsOf, kindOf, valuesText } from "../src/app/account-words";

const change = (more: Partial<Change>): Change => ({ op: "PATCH", table: "completions", data: {}, verb: null, ...more });

describe("what waits is said as a person would", () => {
  it.each([
    [{ verb: "full" }, "done"],
    [{ verb: "add", value: 2 }, "2 more"],
    [{ verb: "add", value: -0.5 }, "0.5 less"],
    [{ verb: "set", value: 3 }, "3 in all"],
    [{ verb: "partial", value: 40 }, "40 % done"],
    [{ verb: "skip" }, "left out"],
    [{ op: "DELETE" }, "taken back"],
    [{ data: { note: "Slept well" } }, "“Slept well”"],
    [{ data: { note: null } }, "a note"],
    [{ op: "PUT", data: { type: "FULL" } }, "done"],
    [{ op: "PUT", table: "habits", data: { name: "Tea" } }, "new"],
    [{ op: "DELETE", table: "habits" }, "deleted"],
    [{ table: "habits", data: { name: "Tea", freq_num: 3, freq_den: 7, some_thing: 1 } }, "changed: name, how often, some thing"],
  ] as [Partial<Change>, string][])("%j: %s", (more, said) => expect(changeText(change(more))).toBe(said));

  it("names every table somehow", () => {
    expect(kindOf("habits")).toBe("Habit");
    expect(kindOf("of_tomorrow")).toBe("Entry");
    expect(kindOf(null)).toBe("Entry");
  });
});

describe("what could not be brought together", () => {
  it.each([
    ["habits", { name: "Tea" }, "name: “Tea”"],
    ["habits", { target_value: 8, unit: null }, "target: 8, unit: nothing"],
    ["habits", { deleted_at: 1 }, "deleted"],
    ["habits", { deleted_at: null }, "still there"],
    ["completions", { type: "SKIPPED", skip_reason: "NO_TIME" }, "left out"],
    ["completions", { type: "PARTIAL", partial_percent: 37, amount: 3 }, "3 in all"],
    ["completions", { note: "x".repeat(100) }, `“${"x".repeat(79)}…”`],
    ["completions", { type: null }, "nothing"],
  ])("%s %j: %s", (table, values, said) => expect(valuesText(table, values)).toBe(said));

  it("is read as far as it can be", () => {
    expect(columnsOf("nonsense")).toEqual({});
    expect(columnsOf('{"name":"Tea"}')).toEqual({ name: "Tea" });
    expect(asideOf(JSON.stringify([{ op: "PATCH", type: "habits", data: { frequency: "CUSTOM" } }]))).toMatchObject({ op: "PATCH", table: "habits", verb: null });
    expect(asideOf(JSON.stringify([{ op: "PUT", table: "completions", metadata: '{"verb":"add","value":2}' }]))).toMatchObject({ verb: "add", value: 2 });
    for (const bad of [null, "", "[]", '["half a"]', "[null]"]) expect(asideOf(bad)).toBe(null);
  });
});

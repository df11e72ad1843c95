import { describe, expect, it } from "vitest";
import { ApiError } from "../src/api";
import { age, arrange, Clock, isNight, newlyDone, pixelShift } from "../src/mirror/logic";
import { pair, type PairingState } from "../src/mirror/pairing";
import type { TodayItem, WallView } from "../src/types";

function item(habit_id: string, more: Partial<TodayItem> = {}): TodayItem {
  return {
    habit_id, name: habit_id, kind: "boolean", due: true, done: false, type: null, value: null, target: null, unit: null,
    date: "2026-11-24", ...more,
  };
}

function wall(items: TodayItem[], date = "2026-11-24"): WallView {
  return { date, time_zone: "Europe/Berlin", done: 0, total: items.length, more: 0, items };
}

describe("the age of the data", () => {
  const s = 1000;
  it.each([
    [0, null],
    [59 * s, null],
    [60 * s, { unit: "minutes", n: 1 }],
    [59 * 60 * s + 59 * s, { unit: "minutes", n: 59 }],
    [3600 * s, { unit: "hours", n: 1 }],
    [47 * 3600 * s, { unit: "hours", n: 47 }],
    [48 * 3600 * s, { unit: "days", n: 2 }],
  ])("after %i ms is %o", (ms, expected) => {
    expect(age(1_000_000_000 + ms, 1_000_000_000)).toEqual(expected);
  });

  it("is nothing before the first contact, nor when the clock jumps back", () => {
    expect(age(5, null)).toBeNull();
    expect(age(0, 1_000_000)).toBeNull();
  });
});

it("is dim from 22 to 6", () => {
  expect(Array.from({ length: 24 }, (_, hour) => hour).filter(isNight)).toEqual([0, 1, 2, 3, 4, 5, 22, 23]);
});

describe("the pixel shift", () => {
  it("stays within eight pixels, visits 81 places and never jumps", () => {
    const places = new Set<string>();
    for (let minute = 0; minute < 500; minute++) {
      const a = pixelShift(minute);
      const b = pixelShift(minute + 1);
      expect(Math.max(Math.abs(a.x), Math.abs(a.y))).toBeLessThanOrEqual(8);
      expect(Math.abs(a.x - b.x) + Math.abs(a.y - b.y)).toBeLessThanOrEqual(2);
      places.add(`${a.x},${a.y}`);
    }
    expect(places.size).toBe(81);
  });
});

describe("newly done", () => {
  it("names what was open and is done", () => {
    const before = wall([item("a"), item("b"), item("c", { done: true })]);
    const after = wall([item("b"), item("a", { done: true }), item("c", { done: true })]);
    expect(newlyDone(before, after)).toEqual(["a"]);
  });

  it("is nothing at first sight and on a new day", () => {
    const after = wall([item("a", { done: true })]);
    expect(newlyDone(null, after)).toEqual([]);
    expect(newlyDone(wall([item("a")], "2026-11-23"), after)).toEqual([]);
  });
});

it("shows the open ones first and at most eight", () => {
  const items = [item("done", { done: true }), item("rest", { type: "SKIPPED" }), ..."abcdefg".split("").map((id) => item(id))];
  expect(arrange(items).map((i) => i.habit_id)).toEqual(["a", "b", "c", "d", "e", "f", "g", "done"]);
});

it("tells the time of the hub's zone", () => {
  const clock = new Clock("en-GB");
  const now = new Date("2026-11-24T23:05:00Z");
  expect(clock.at(now, "Europe/Berlin")).toEqual({ time: "00:05", date: "Wednesday 25 November", hour: 0 });
  expect(clock.at(now, "America/New_York").time).toBe("18:05");
  expect(clock.at(now, "No/Such_Zone").time).toMatch(/^\d\d:\d\d$/);
});

describe("pairing", () => {
  /** Plays a script of answers; a number is an error with that status. */
  function play(script: [string, unknown][]) {
    const asked: string[] = [];
    const states: PairingState[] = [];
    let time = 0;
    const wire = {
      bare: <T>(_method: string, path: string): Promise<T> => {
        asked.push(path);
        const [expected, answer] = script.shift()!;
        expect(path).toBe(expected);
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as T);
      },
    };
    const sleep = (ms: number) => {
      time += ms;
      return Promise.resolve();
    };
    return { states, asked, run: () => pair(wire, (state) => states.push(state), sleep, () => time) };
  }
  const offer = (code: string, expires_in = 600) => ({ code, poll_secret: "s", expires_in });

  it("shows the code until a person approves it", async () => {
    const p = play([
      ["/api/displays", offer("AAAA-AAAA")],
      ["/api/displays/poll", { status: "waiting" }],
      ["/api/displays/poll", new ApiError(0, "offline", "")],
      ["/api/displays/poll", { status: "approved", token: "t" }],
    ]);
    expect(await p.run()).toBe("t");
    expect(p.states).toEqual([{ step: "code", code: "AAAA-AAAA" }]);
  });

  it("takes a new code when the old one is gone or ran out", async () => {
    const p = play([
      ["/api/displays", offer("AAAA-AAAA")],
      ["/api/displays/poll", new ApiError(410, "gone", "")],
      ["/api/displays", offer("BBBB-BBBB", 1)],
      ["/api/displays/poll", { status: "waiting" }],
      ["/api/displays", offer("CCCC-CCCC")],
      ["/api/displays/poll", { status: "approved", token: "t" }],
    ]);
    expect(await p.run()).toBe("t");
    expect(p.states.map((s) => (s.step === "code" ? s.code : s.step))).toEqual(["AAAA-AAAA", "BBBB-BBBB", "CCCC-CCCC"]);
  });

  it("waits for a hub that is away or new", async () => {
    const p = play([
      ["/api/displays", new ApiError(0, "offline", "")],
      ["/api/displays", new ApiError(503, "setup_required", "")],
      ["/api/displays", new ApiError(429, "slow_down", "")],
      ["/api/displays", offer("AAAA-AAAA")],
      ["/api/displays/poll", { status: "approved", token: "t" }],
    ]);
    expect(await p.run()).toBe("t");
    expect(p.states.map((s) => s.step)).toEqual(["waiting", "setup", "waiting", "code"]);
  });
});

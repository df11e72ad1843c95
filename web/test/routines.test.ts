import { describe, expect, it } from "vitest";
import { ApiError } from "../src/api";
import { Draft } from "../src/app/routine-draft";
import { choose, dropIndex, elapsed, eventOf, isThrough, moved, nextStep, progress } from "../src/app/run-logic";
import type { DayEvent, Habit, Routine, Run, RunStep } from "../src/types";

function step(habit_id: string, result: RunStep["result"] = null, at: number | null = null): RunStep {
  return { habit_id, name: habit_id, result, value: null, at, seconds: 60 };
}

function run(steps: RunStep[], more: Partial<Run> = {}): Run {
  const at = steps.findIndex((s) => s.result === null);
  const waits = steps[at];
  return {
    id: "r", routine_id: "m", routine: "Morning", status: "IN_PROGRESS", current_step_index: at < 0 ? steps.length : at,
    current_step_remaining_seconds: null,
    current: waits ? { habit_id: waits.habit_id, name: waits.habit_id, seconds: 60, began_at: 1_000_000 } : null,
    steps, recorded: 0, ...more,
  };
}

describe("a run", () => {
  it("knows how far it is and what comes next", () => {
    const r = run([step("a", "done"), step("b"), step("c"), step("d")]);
    expect(progress(r)).toEqual({ answered: 1, total: 4 });
    expect(nextStep(r)?.habit_id).toBe("c");
    expect(nextStep(run([step("a", "done"), step("b")]))).toBeUndefined();
  });

  it("is through when nothing waits, also while it rests, and not once it is finished", () => {
    const steps = [step("a", "done"), step("b", "skip")];
    expect(isThrough(run(steps))).toBe(true);
    expect(isThrough(run(steps, { status: "PAUSED" }))).toBe(true);
    expect(isThrough(run(steps, { status: "COMPLETED" }))).toBe(false);
    expect(isThrough(run([step("a")]))).toBe(false);
  });

  it("counts the time of a step by the hub's clock", () => {
    const r = run([step("a")]);
    expect(elapsed(r, 1_030_000, 0)).toBe(30);
    expect(elapsed(r, 1_030_000, 5_000)).toBe(35);
    expect(elapsed(r, 900_000, 0)).toBe(0);
  });

  it("stands still while it rests", () => {
    const rests = run([step("a")], { status: "PAUSED", current_step_remaining_seconds: 45 });
    expect(elapsed(rests, 9_999_999_999, 0)).toBe(15);
    expect(elapsed({ ...rests, current_step_remaining_seconds: null }, 9_999_999_999, 0)).toBe(0);
  });
});

describe("which run is shown", () => {
  const going = run([step("a")], { id: "going" });
  const waiting = run([step("a")], { id: "waiting", status: "PAUSED" });
  const over = run([step("a", "done")], { id: "over", status: "COMPLETED" });

  it("is what goes on", () => {
    expect(choose(null, going)?.id).toBe("going");
    expect(choose(over, going)?.id).toBe("going");
  });

  it("keeps a summary while another only waits", () => {
    expect(choose(over, waiting)?.id).toBe("over");
    expect(choose(over, null)?.id).toBe("over");
  });

  it("is what waits when there is nothing else", () => {
    expect(choose(null, waiting)?.id).toBe("waiting");
    expect(choose(null, null)).toBeNull();
  });
});

it("finds the deed of a step, unless it was taken back", () => {
  const event = (id: string, occurred_at: number, more: Partial<DayEvent> = {}): DayEvent => ({ id, verb: "full", value: null, occurred_at, undo_of: null, source: "app", skip_reason: null, ...more });
  const events = [event("other", 4), event("mine", 5)];
  expect(eventOf(step("a", "done", 5), events)?.id).toBe("mine");
  expect(eventOf(step("a", "done", 5), [...events, event("u", 6, { verb: "undo", undo_of: "mine" })])).toBeUndefined();
  expect(eventOf(step("a", "done", 7), events)).toBeUndefined();
});

describe("the order", () => {
  it("moves one, and nothing beyond the ends", () => {
    expect(moved(["a", "b", "c"], 0, 2)).toEqual(["b", "c", "a"]);
    expect(moved(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]);
    expect(moved(["a", "b", "c"], 0, -1)).toEqual(["a", "b", "c"]);
    expect(moved(["a", "b", "c"], 2, 3)).toEqual(["a", "b", "c"]);
  });

  it("follows the finger past the middles of the others", () => {
    const middles = [50, 150, 250];
    expect(dropIndex(0, 140, middles)).toBe(0);
    expect(dropIndex(0, 160, middles)).toBe(1);
    expect(dropIndex(0, 999, middles)).toBe(2);
    expect(dropIndex(2, 40, middles)).toBe(0);
    expect(dropIndex(1, 150, middles)).toBe(1);
  });
});

describe("a routine that is edited", () => {
  const habit = (id: string) => ({ id, name: id, status: "ACTIVE" }) as Habit;
  const saved = (variants: Routine["variants"] = []): Routine => ({
    id: "m", name: "Morning", category: "MORNING", status: "ACTIVE", variants,
    steps: ["a", "b"].map((habit_id) => ({ habit_id, name: habit_id, seconds: 60, override_duration_seconds: null, variant_ids: null, active: true })),
  });

  /** Notes what is written, and refuses what a test says once. */
  function hub(refuse = "") {
    const asked: [string, unknown][] = [];
    const say = (method: string) => (path: string, body?: unknown) => {
      const what = `${method} ${path}`;
      asked.push([what, body]);
      if (what === refuse) {
        refuse = "";
        return Promise.reject(new ApiError(0, "offline", ""));
      }
      return Promise.resolve((path.endsWith("/variants") ? { id: "v-new" } : { id: "m-new" }) as never);
    };
    return { asked, api: { post: say("POST"), put: say("PUT"), patch: say("PATCH"), delete: say("DELETE") } };
  }

  it("is made with its ways first, and its steps know them by their true ids", async () => {
    const draft = new Draft();
    draft.name = " Morning ";
    draft.add(habit("a"));
    draft.add(habit("b"));
    draft.addWay();
    draft.ways[0]!.name = "Short";
    draft.toggleWay(draft.steps[1]!, draft.ways[0]!.id);
    draft.addWay();
    draft.ways[1]!.name = "Long";
    draft.toggleWay(draft.steps[1]!, draft.ways[1]!.id);
    const { asked, api } = hub();
    await draft.write(api);
    expect(asked.map(([what]) => what)).toEqual([
      "POST /api/routines", "POST /api/routines/m-new/variants", "POST /api/routines/m-new/variants", "PUT /api/routines/m-new/steps",
    ]);
    expect(asked[0]![1]).toEqual({ name: "Morning", category: "ANYTIME" });
    const { steps } = asked[3]![1] as { steps: { variant_ids: string[] | null }[] };
    expect(steps.map((s) => s.variant_ids)).toEqual([null, ["v-new"]]);
  });

  it("goes on where it was when a save did not get through", async () => {
    const draft = new Draft();
    draft.add(habit("a"));
    draft.addWay();
    const { asked, api } = hub("PUT /api/routines/m-new/steps");
    await expect(draft.write(api)).rejects.toThrow();
    await draft.write(api);
    expect(asked.map(([what]) => what)).toEqual([
      "POST /api/routines", "POST /api/routines/m-new/variants", "PUT /api/routines/m-new/steps",
      "PATCH /api/routines/m-new", "PATCH /api/routines/m-new/variants/v-new", "PUT /api/routines/m-new/steps",
    ]);
  });

  it("takes a way out of every step, and says so once", async () => {
    const draft = new Draft(saved([{ id: "v", name: "Short", is_default: 1 }]));
    draft.toggleWay(draft.steps[0]!, "v");
    expect(draft.steps[0]!.variant_ids).toEqual([]);
    draft.toggleWay(draft.steps[0]!, "v");
    expect(draft.steps[0]!.variant_ids).toBeNull();
    draft.removeWay(draft.ways[0]!);
    const { asked, api } = hub();
    await draft.write(api);
    await draft.write(api);
    expect(asked.filter(([what]) => what.startsWith("DELETE"))).toEqual([["DELETE /api/routines/m/variants/v", undefined]]);
  });

  it("keeps the order one gave it", async () => {
    const draft = new Draft(saved());
    draft.place(0, 1);
    const { asked, api } = hub();
    await draft.write(api);
    expect(asked.at(-1)).toEqual(["PUT /api/routines/m/steps", { steps: ["b", "a"].map((habit_id) => ({ habit_id, override_duration_seconds: null, variant_ids: null })) }]);
  });
});

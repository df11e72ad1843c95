import { beforeEach, describe, expect, it, vi } from "vitest";
import { dayOf } from "../src/app/history";
import { asItWas } from "../src/app/past";

const { get, session } = vi.hoisted(() => ({
  get: vi.fn(),
  session: { kept: true, model: {} as { days?: unknown }, sync: { model: { past: vi.fn() } } },
}));
vi.mock("../src/session", () => ({ api: { get }, session }));

const DATE = "2026-11-29";
const cell = { date: DATE, type: "FULL", value: 12 };
const item = { habit_id: "water", target: 6 };
const day = (id = "water") => dayOf(id, DATE, () => asItWas(id, DATE));

describe("a day of a habit", () => {
  beforeEach(() => {
    get.mockReset().mockRejectedValue(new Error("The hub is away."));
    session.kept = true;
    session.model.days = async () => [cell];
    session.sync.model.past.mockReset().mockResolvedValue({ days: async () => [{ date: DATE, items: [{ habit_id: "tea" }, item] }] });
  });

  it("is told from the phone's own rows, also as it was measured then", async () => {
    expect(await day()).toEqual([cell, item]);
    expect(await day("birds")).toEqual([cell, null]);
    expect(get).not.toHaveBeenCalled();
  });

  it("is known although nobody can tell what was asked for then", async () => {
    session.sync.model.past.mockRejectedValue(new Error("This part is not here."));
    expect(await day()).toEqual([cell, undefined]);
    session.kept = false;
    expect(await day()).toEqual([cell, undefined]);
  });

  it("is not known, and not empty, where the hub would have to say what stands on it", async () => {
    session.kept = false;
    delete session.model.days;
    await expect(day()).rejects.toThrow();
  });
});

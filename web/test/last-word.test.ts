import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LastWord } from "../src/app/last-word";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("is given when it cannot be taken back any more, and not while somebody is about to", async () => {
  let held = false;
  const word = new LastWord(() => held);
  const job = vi.fn(async () => {});
  word.give("a", job);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(job).not.toHaveBeenCalled();
  expect(word.has("a")).toBe(true);
  held = true;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(job).not.toHaveBeenCalled();
  held = false;
  await vi.advanceTimersByTimeAsync(6_000);
  expect(job).toHaveBeenCalledOnce();
  expect(word.has("a")).toBe(true);
});

it("is not given when it was taken back", async () => {
  const word = new LastWord(() => false);
  const job = vi.fn(async () => {});
  word.give("a", job);
  word.takeBack("a");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(job).not.toHaveBeenCalled();
  expect(word.has("a")).toBe(false);
});

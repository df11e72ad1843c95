import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { onSigns, Patience } from "../src/patience";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** How long each of some tries that all go wrong has waited. */
async function waits(of: Patience, asked: { n: number }, tries: number): Promise<number[]> {
  const found: number[] = [];
  for (let n = 0; n < tries; n++) {
    const [before, was] = [Date.now(), asked.n];
    of.wait();
    await vi.advanceTimersToNextTimerAsync();
    expect(asked.n).toBe(was + 1);
    found.push(Date.now() - before);
  }
  return found;
}

function patience(random: number) {
  const asked = { n: 0 };
  return { asked, of: new Patience(() => void (asked.n += 1), () => random) };
}

describe("patience", () => {
  it("grows from one second to thirty, and is never that of everybody else", async () => {
    const soon = patience(0);
    expect(await waits(soon.of, soon.asked, 7)).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    const late = patience(0.999);
    expect((await waits(late.of, late.asked, 40)).map((ms) => Math.round(ms / 1000)).slice(0, 7)).toEqual([2, 4, 8, 16, 30, 30, 30]);
  });

  it("begins anew when the hub answered", async () => {
    const { of, asked } = patience(0);
    await waits(of, asked, 5);
    of.reset();
    expect(await waits(of, asked, 2)).toEqual([1000, 2000]);
  });

  it("asks at once when something is new, and begins anew", async () => {
    const { of, asked } = patience(0);
    await waits(of, asked, 5);
    of.wait();
    await vi.advanceTimersByTimeAsync(5_000);
    of.nudge();
    expect(asked.n).toBe(6);
    expect(await waits(of, asked, 2)).toEqual([1000, 2000]);
  });

  it("asks once a second, however often somebody taps", async () => {
    const { of, asked } = patience(0);
    for (let ms = 0; ms < 10_000; ms += 100) {
      of.wait();
      of.nudge();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(asked.n).toBe(10);
  });

  it("asks nobody while it waits for nothing", async () => {
    const { of, asked } = patience(0);
    of.nudge();
    of.wait();
    of.stop();
    of.nudge();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.n).toBe(0);
  });
});

it("hears of a network, a page that comes into view and a hand, until it is told to stop", () => {
  const page = Object.assign(new EventTarget(), { hidden: false });
  const window = new EventTarget();
  vi.stubGlobal("document", page);
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  let heard = 0;
  const stop = onSigns(() => void (heard += 1));
  for (const type of ["online", "pointerdown", "keydown"]) window.dispatchEvent(new Event(type));
  page.dispatchEvent(new Event("visibilitychange"));
  expect(heard).toBe(4);
  page.hidden = true;
  page.dispatchEvent(new Event("visibilitychange"));
  expect(heard).toBe(4);
  stop();
  window.dispatchEvent(new Event("online"));
  expect(heard).toBe(4);
});

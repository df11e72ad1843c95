import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WIPE } from "../../src/sync/able";
import { wipe } from "../../src/sync/wipe";

/** A browser that removes a database when it is told to. */
const small = new Map<string, string>();
let letGo = () => {};

beforeEach(() => {
  vi.useFakeTimers();
  small.clear();
  const request = (result?: object) => {
    const asked = { result } as IDBRequest;
    void Promise.resolve().then(() => asked.onsuccess?.(new Event("success")));
    return asked;
  };
  vi.stubGlobal("localStorage", { setItem: (key: string, value: string) => small.set(key, value), removeItem: (key: string) => small.delete(key) });
  vi.stubGlobal("navigator", { locks: { request: (_: string, __: object, work: () => Promise<void>) => work() } });
  vi.stubGlobal("indexedDB", {
    open: () => request({ objectStoreNames: [], close: () => {} }),
    deleteDatabase: () => {
      const asked = {} as IDBRequest;
      letGo = () => asked.onsuccess?.(new Event("success"));
      return asked;
    },
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("is over when the browser says so, and no sooner", async () => {
  const wiped = wipe("kairos-ada.db");
  await vi.advanceTimersByTimeAsync(6_000);
  await wiped;
  expect(small.get(WIPE)).toBe("kairos-ada.db");
  letGo();
  await vi.advanceTimersByTimeAsync(0);
  expect(small.has(WIPE)).toBe(false);
});

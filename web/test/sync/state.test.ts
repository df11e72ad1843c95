import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Calm, OFF, stateOf, type Status, type SyncState, troubleOf } from "../../src/sync/state";

const WELL: Status = {
  connected: true, connecting: false, downloading: false, uploading: false, hasSynced: true, lastSyncedAt: new Date(5000), downloadError: undefined, uploadError: undefined,
};
const AWAY: Status = { ...WELL, connected: false, downloadError: { message: "Failed to fetch" } };

describe("the six states", () => {
  it.each([
    ["synced", WELL, 0, true, "synced", null],
    ["on the way down", { ...WELL, downloading: true }, 0, true, "syncing", null],
    ["on the way up", { ...WELL, uploading: true }, 2, true, "syncing", null],
    ["beginning", { ...WELL, connected: false, connecting: true }, 0, true, "syncing", null],
    ["the first sync", { ...WELL, hasSynced: false }, 0, true, "syncing", null],
    ["something to send", WELL, 3, true, "pending", null],
    ["away", AWAY, 0, true, "offline", "away"],
    ["away, with something to send", AWAY, 1, true, "pending", "away"],
    ["a browser without network", { ...WELL, connected: false }, 0, false, "offline", "away"],
    ["a browser without network, which the worker has not noticed", { ...WELL, uploadError: { message: "Failed to fetch" } }, 2, false, "pending", "away"],
    ["a hub on this machine, without network", WELL, 0, false, "synced", null],
    ["the last try went wrong, this one goes well", { ...WELL, uploadError: { message: "Failed to fetch" } }, 0, true, "synced", null],
    ["signed out elsewhere", { ...AWAY, downloadError: { message: "The hub answered 401 to GET /api/auth/token." } }, 1, true, "error", "sign-in"],
    ["a hub that cannot save", { ...WELL, uploadError: { message: "The hub answered 503 to POST /api/data." } }, 1, true, "error", "unavailable"],
    ["another service", { ...AWAY, downloadError: { message: "HTTP 404: Not Found" } }, 0, true, "error", "not-found"],
  ] as [string, Status, number, boolean, string, string | null][])("%s", (_, status, pending, online, word, trouble) => {
    expect(stateOf(status, pending, online)).toEqual({ word, pending, trouble, last: 5000 });
  });

  it("stays with what went wrong while it tries again", () => {
    const trying = { ...WELL, connected: false, connecting: true };
    expect(stateOf(trying, 0, true, { message: "Failed to fetch" })).toMatchObject({ word: "offline", trouble: "away" });
    expect(stateOf(WELL, 0, true, { message: "Failed to fetch" })).toMatchObject({ word: "synced", trouble: null });
  });

  it("takes no number in a message for an answer that is none", () => {
    expect(troubleOf({ message: "timeout after 15000 ms" })).toBe("away");
    expect(troubleOf(undefined)).toBe(null);
  });
});

describe("what is shown", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const state = (word: SyncState["word"], pending = 0): SyncState => ({ ...OFF, word, pending });

  it("does not flicker", async () => {
    const shown: string[] = [];
    const calm = new Calm(({ word }) => shown.push(word));
    // The first word is said at once.
    calm.hear(state("synced"));
    expect(shown).toEqual(["synced"]);
    for (let tap = 0; tap < 20; tap++) {
      calm.hear(state("syncing"));
      await vi.advanceTimersByTimeAsync(30);
      calm.hear(state("synced"));
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(shown).toEqual(["synced"]);
    calm.hear(state("offline"));
    await vi.advanceTimersByTimeAsync(499);
    expect(calm.shown.word).toBe("synced");
    await vi.advanceTimersByTimeAsync(1);
    expect(shown).toEqual(["synced", "offline"]);
  });

  it("says nothing after the end", async () => {
    const shown: string[] = [];
    const calm = new Calm(({ word }) => shown.push(word));
    calm.hear(state("synced"));
    calm.hear(state("offline"));
    calm.stop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(shown).toEqual(["synced"]);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Live, type LiveState, type Socket } from "../src/live";
import { Undo, UNDO_MS } from "../src/mirror/undo";
import type { WallView } from "../src/types";

beforeEach(() => void vi.useFakeTimers({ now: new Date("2026-11-24T07:00:00Z") }));
afterEach(() => void vi.useRealTimers());

const HOUR_MS = 3_600_000;

/** A hub that answers at once, on sockets that can be cut. */
class Hub {
  open: Socket[] = [];
  opened = 0;
  seq = 0;
  /** Where the page said it was, at each subscription. */
  positions: unknown[] = [];

  readonly dial = (): Socket => {
    this.opened += 1;
    const socket: Socket = {
      onopen: null, onmessage: null, onclose: null, onerror: null,
      send: (text) => this.hear(socket, JSON.parse(text) as { type: string; id: number; after?: unknown }),
      close: () => void (this.open = this.open.filter((other) => other !== socket)),
    };
    this.open.push(socket);
    setTimeout(() => this.say(socket, { type: "auth_required" }), 1);
    return socket;
  };

  private say(socket: Socket, message: object): void {
    socket.onmessage?.({ data: JSON.stringify(message) });
  }

  private hear(socket: Socket, message: { type: string; id: number; after?: unknown }): void {
    if (message.type === "auth") this.say(socket, { type: "auth_ok" });
    if (message.type === "ping") this.say(socket, { type: "pong", id: message.id });
    if (message.type !== "subscribe") return;
    this.positions.push(message.after);
    this.say(socket, { type: "result", id: message.id, success: true, result: { epoch: "e", seq: this.seq, today: this.wall() } });
  }

  wall(): WallView {
    return { date: "2026-11-24", time_zone: "UTC", done: this.seq, total: 9, more: 0, items: [] };
  }

  event(): void {
    this.seq += 1;
    for (const socket of this.open) {
      this.say(socket, { type: "event", id: 1, event: { seq: this.seq, table: "completions", op: "PUT", row: {} } });
      this.say(socket, { type: "today", id: 1, today: this.wall() });
    }
  }

  cut(): void {
    for (const socket of [...this.open]) socket.onclose?.({ code: 1006 });
  }
}

describe("three weeks on the wall", () => {
  it("take 100 000 events and 210 breaks, with one socket, few timers and nothing left behind", async () => {
    const hub = new Hub();
    let shown: WallView | null = null;
    let state: LiveState = "stopped";
    const live = new Live<WallView>({
      url: "ws://hub", token: () => Promise.resolve("t"), open: hub.dial, random: () => 0.5,
      onToday: (wall) => (shown = wall), onState: (now) => (state = now),
    });
    live.start();
    await vi.advanceTimersByTimeAsync(100);
    let mostTimers = 0;
    for (let round = 0; round < 210; round++) {
      for (let event = 0; event < 477; event++) hub.event();
      await vi.advanceTimersByTimeAsync(1.2 * HOUR_MS);
      expect(state).toBe("live");
      expect(shown!.done).toBe(hub.seq);
      hub.cut();
      await vi.advanceTimersByTimeAsync(1.2 * HOUR_MS);
      mostTimers = Math.max(mostTimers, vi.getTimerCount());
      expect(hub.open).toHaveLength(1);
    }
    expect(state).toBe("live");
    expect(hub.seq).toBeGreaterThan(100_000);
    expect(hub.opened).toBe(211);
    // After the first time it went on from where it was.
    expect(hub.positions.slice(1)).not.toContain(null);
    expect(mostTimers).toBeLessThanOrEqual(2);
    expect(Date.now() - (live.lastContact ?? 0)).toBeLessThan(21_000);
    live.stop();
    expect(vi.getTimerCount()).toBe(0);
    expect(hub.open).toHaveLength(0);
  });

  it("go on when the hub was away for a day", async () => {
    const hub = new Hub();
    let away = false;
    const live = new Live<WallView>({
      url: "ws://hub", token: () => Promise.resolve("t"), random: () => 1,
      open: () => {
        if (!away) return hub.dial();
        const socket: Socket = { onopen: null, onmessage: null, onclose: null, onerror: null, send: () => {}, close: () => {} };
        setTimeout(() => socket.onclose?.({ code: 1006 }), 1);
        return socket;
      },
    });
    live.start();
    await vi.advanceTimersByTimeAsync(100);
    away = true;
    hub.cut();
    const before = live.lastContact;
    await vi.advanceTimersByTimeAsync(24 * HOUR_MS);
    expect(live.lastContact).toBe(before);
    expect(vi.getTimerCount()).toBeLessThanOrEqual(2);
    away = false;
    await vi.advanceTimersByTimeAsync(16_000);
    expect(live.state).toBe("live");
    live.stop();
  });
});

describe("an undo on the wall", () => {
  const touch = (habitId: string) => ({ habitId, date: "2026-11-24", eventId: `e-${habitId}`, text: habitId });

  it("is there for a while and then gone", () => {
    const changed = vi.fn();
    const undo = new Undo(changed);
    undo.offer(touch("a"));
    vi.advanceTimersByTime(UNDO_MS - 1);
    expect(undo.touch?.habitId).toBe("a");
    vi.advanceTimersByTime(1);
    expect(undo.touch).toBeNull();
    expect(changed).toHaveBeenCalledTimes(2);
  });

  it("is of the newest touch, for as long as that one", () => {
    const undo = new Undo(() => {});
    undo.offer(touch("a"));
    vi.advanceTimersByTime(UNDO_MS - 1);
    undo.offer(touch("b"));
    vi.advanceTimersByTime(UNDO_MS - 1);
    expect(undo.touch?.habitId).toBe("b");
    expect(vi.getTimerCount()).toBe(1);
  });

  it("is taken once, and leaves no timer", () => {
    const undo = new Undo(() => {});
    undo.offer(touch("a"));
    expect(undo.take()?.eventId).toBe("e-a");
    expect(undo.take()).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("goes with what it was about", () => {
    const undo = new Undo(() => {});
    undo.offer(touch("a"));
    undo.forget("b");
    expect(undo.touch).not.toBeNull();
    undo.forget("a");
    expect(undo.touch).toBeNull();
  });
});

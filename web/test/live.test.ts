import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CallError, Live, MAX_CALLS, PATIENCE_MS, PING_MS, type LiveOptions, type Socket } from "../src/live";
import type { ChangeEvent, TableRow } from "../src/types";

/** The other side of one connection: records what the client says, and says what the test wants. */
class FakeSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  heard: Record<string, unknown>[] = [];
  closed = false;

  send(text: string): void {
    this.heard.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.closed = true;
  }
  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  get last(): Record<string, unknown> {
    return this.heard.at(-1)!;
  }
  /** Signs in and answers the subscription; returns what the client subscribed with. */
  welcome(result: object): Record<string, unknown> {
    this.say({ type: "auth_required" });
    this.say({ type: "auth_ok" });
    const subscribe = this.last;
    this.say({ id: subscribe["id"], type: "result", success: true, result });
    return subscribe;
  }
  event(seq: number): void {
    this.say({ id: 1, type: "event", event: { seq, table: "habits", op: "put", row: {} } });
  }
}

interface Day {
  n: number;
}

function world(options: Partial<LiveOptions<Day>> = {}) {
  const sockets: FakeSocket[] = [];
  const events: ChangeEvent[] = [];
  const rows: TableRow[][] = [];
  const days: Day[] = [];
  const states: string[] = [];
  const refused: boolean[] = [];
  const live = new Live<Day>({
    url: "ws://hub/api/websocket",
    token: (was) => {
      refused.push(was);
      return Promise.resolve("token");
    },
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    random: () => 0,
    onEvent: (event) => events.push(event),
    onRows: (current) => rows.push(current),
    onToday: (day) => days.push(day),
    onState: (state) => states.push(state),
    ...options,
  });
  return { live, sockets, events, rows, days, states, refused, socket: () => sockets.at(-1)! };
}

async function started(options: Partial<LiveOptions<Day>> = {}) {
  const w = world(options);
  w.live.start();
  await vi.advanceTimersByTimeAsync(0);
  return w;
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("signing in", () => {
  it("answers the hub's question with the token and subscribes from nowhere", async () => {
    const w = await started();
    w.socket().say({ type: "auth_required" });
    expect(w.socket().last).toEqual({ type: "auth", access_token: "token" });
    w.socket().say({ type: "auth_ok" });
    expect(w.socket().last).toMatchObject({ type: "subscribe", after: null, today: true });
    w.socket().say({ id: 1, type: "result", success: true, result: { epoch: "e", seq: 4, today: { n: 1 } } });
    expect(w.days).toEqual([{ n: 1 }]);
    expect(w.live.state).toBe("live");
  });

  it("asks for another token after a refusal", async () => {
    const onRefused = vi.fn();
    const w = await started({ onRefused });
    w.socket().say({ type: "auth_invalid" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(w.refused).toEqual([false, true]);
    expect(onRefused).toHaveBeenCalledTimes(1);
  });

  it("stops when nobody is signed in", async () => {
    const w = await started({ token: () => Promise.resolve(null) });
    expect(w.live.state).toBe("stopped");
    expect(w.sockets).toHaveLength(0);
  });

  it("keeps trying when the token cannot be had", async () => {
    const token = vi.fn().mockRejectedValueOnce(new Error("offline")).mockResolvedValue("token");
    const w = await started({ token });
    expect(w.live.state).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(w.sockets).toHaveLength(1);
  });
});

describe("resuming", () => {
  it("names the last event it saw", async () => {
    const w = await started();
    w.socket().welcome({ epoch: "e", seq: 4 });
    w.socket().event(5);
    w.socket().event(7);
    w.socket().onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(w.socket().welcome({ epoch: "e", seq: 9 })).toMatchObject({ after: { epoch: "e", seq: 7 } });
    // What was written meanwhile is still owed, although the hub is further on.
    w.socket().event(8);
    w.socket().event(9);
    expect(w.events.map((e) => e.seq)).toEqual([5, 7, 8, 9]);
  });

  it("hears every event once and in order", async () => {
    const w = await started();
    w.socket().welcome({ epoch: "e", seq: 4 });
    for (const seq of [5, 5, 4, 6, 5, 7]) w.socket().event(seq);
    expect(w.events.map((e) => e.seq)).toEqual([5, 6, 7]);
  });

  it("takes current rows when the hub cannot resume", async () => {
    const w = await started();
    w.socket().welcome({ epoch: "old", seq: 90 });
    w.socket().onclose?.({ code: 4008 });
    await vi.advanceTimersByTimeAsync(1_000);
    w.socket().welcome({ epoch: "new", seq: 3, rows: [{ table: "habits", row: {} }] });
    expect(w.rows).toHaveLength(1);
    w.socket().event(4);
    expect(w.events.map((e) => e.seq)).toEqual([4]);
  });
});

describe("a connection that died", () => {
  it("pings every twenty seconds and stays while there is an answer", async () => {
    const w = await started();
    const socket = w.socket();
    socket.welcome({ epoch: "e", seq: 0 });
    for (let n = 0; n < 5; n++) {
      await vi.advanceTimersByTimeAsync(PING_MS);
      expect(socket.last["type"]).toBe("ping");
      socket.say({ type: "pong" });
    }
    expect(socket.closed).toBe(false);
    expect(w.sockets).toHaveLength(1);
  });

  it("is dropped when a ping stays unanswered", async () => {
    const w = await started();
    const socket = w.socket();
    socket.welcome({ epoch: "e", seq: 0 });
    await vi.advanceTimersByTimeAsync(PING_MS + PATIENCE_MS);
    expect(socket.closed).toBe(true);
    expect(w.live.state).toBe("waiting");
    socket.event(1);
    expect(w.events).toEqual([]);
  });

  it("is dropped when it never opens", async () => {
    const w = await started();
    await vi.advanceTimersByTimeAsync(PATIENCE_MS + 1_000);
    expect(w.sockets).toHaveLength(2);
  });

  it("comes back again and again, at least every half minute", async () => {
    const w = await started({ random: () => 1 });
    for (let n = 0; n < 100; n++) {
      w.socket().onclose?.({ code: 1006 });
      expect(vi.getTimerCount()).toBe(1);
      const before = Date.now();
      await vi.advanceTimersToNextTimerAsync();
      expect(Date.now() - before).toBeLessThanOrEqual(30_000);
      expect(w.sockets).toHaveLength(n + 2);
    }
  });

  it("is looked at once when the page comes back", async () => {
    const w = await started({ random: () => 1 });
    for (let n = 0; n < 6; n++) {
      w.socket().onclose?.({ code: 1006 });
      await vi.advanceTimersByTimeAsync(32_000);
    }
    w.socket().onclose?.({ code: 1006 });
    const before = w.sockets.length;
    w.live.nudge();
    await vi.advanceTimersByTimeAsync(0);
    expect(w.sockets).toHaveLength(before + 1);
  });

  it("is asked for a word by a hand, once, when it has been silent", async () => {
    const w = await started();
    w.socket().welcome({ epoch: "e", seq: 0 });
    const said = w.socket().heard.length;
    w.live.nudge();
    expect(w.socket().heard).toHaveLength(said);
    await vi.advanceTimersByTimeAsync(6_000);
    for (let n = 0; n < 5; n++) w.live.nudge();
    expect(w.socket().heard).toHaveLength(said + 1);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(w.live.state).toBe("waiting");
  });
});

describe("calls", () => {
  it("are answered by their id", async () => {
    const w = await started();
    w.socket().welcome({ epoch: "e", seq: 0 });
    const receipt = w.live.call("complete", "h1");
    expect(w.socket().last).toMatchObject({ type: "call", command: "complete", habit_id: "h1" });
    w.socket().say({ id: w.socket().last["id"], type: "result", success: true, result: { seq: 1, outcome: "applied" } });
    await expect(receipt).resolves.toMatchObject({ outcome: "applied" });
  });

  it("carry the hub's refusal", async () => {
    const w = await started();
    w.socket().welcome({ epoch: "e", seq: 0 });
    const receipt = w.live.call("complete", "h1");
    w.socket().say({ id: w.socket().last["id"], type: "result", success: false, error: { code: "forbidden", message: "no" } });
    await expect(receipt).rejects.toMatchObject({ code: "forbidden" });
  });

  it("are sent again after a reconnect under the same command id", async () => {
    const w = await started();
    w.socket().welcome({ epoch: "e", seq: 0 });
    const receipt = w.live.call("complete", "h1");
    const first = w.socket().last["command_id"];
    w.socket().onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(1_000);
    w.socket().welcome({ epoch: "e", seq: 0 });
    expect(w.socket().last).toMatchObject({ type: "call", command_id: first });
    w.socket().say({ id: w.socket().last["id"], type: "result", success: true, result: { outcome: "duplicate" } });
    await expect(receipt).resolves.toMatchObject({ outcome: "duplicate" });
  });

  it("are bounded in number and in time", async () => {
    const w = await started();
    const codes: string[] = [];
    const note = (error: CallError) => codes.push(error.code);
    for (let n = 0; n < MAX_CALLS + 3; n++) w.live.call("complete", "h1").catch(note);
    await vi.advanceTimersByTimeAsync(0);
    expect(codes).toEqual(["busy", "busy", "busy"]);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect(codes.filter((code) => code === "timeout")).toHaveLength(MAX_CALLS);
  });
});

it("says nothing more after stop", async () => {
  const w = await started();
  const socket = w.socket();
  socket.welcome({ epoch: "e", seq: 0 });
  const call = w.live.call("complete", "h1");
  w.live.stop();
  await expect(call).rejects.toMatchObject({ code: "stopped" });
  expect(socket.closed).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(w.sockets).toHaveLength(1);
});

it("survives words it does not know", async () => {
  const w = await started();
  w.socket().welcome({ epoch: "e", seq: 0 });
  w.socket().onmessage?.({ data: "not json" });
  w.socket().say({ type: "something_new" });
  expect(w.live.state).toBe("live");
});

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Feed } from "../src/app/server/feed";
import { kindOf, parted, pieces, placeOf, reachesFar } from "../src/app/server/place";
import { linesOf } from "../src/app/server/preview";
import { detailOf, lastText, saysMore, stateText } from "../src/app/server/standing";
import type { Socket } from "../src/live";
import type { Standing } from "../src/types";

const standing = (more: Partial<Standing> = {}): Standing => ({ state: "synced", pending: 0, last_sync_at: null, message: "Synced", ...more });

it("knows what an address is of", () => {
  expect(kindOf("postgres://db")).toBe("database");
  expect(kindOf(" PostgreSQL://db")).toBe("database");
  expect(kindOf("https://kairos.example.org")).toBe("hub");
  expect(kindOf("db.example.org")).toBeNull();
  expect(kindOf("postgres")).toBeNull();
});

it("takes the password out of an address that was pasted whole", () => {
  expect(parted("postgres://kairos:secret@db/kairos")).toEqual({ address: "postgres://kairos@db/kairos", secret: "secret" });
  expect(parted("postgres://kairos:p%40ss%2F@db:5432/k?sslmode=require")).toEqual({ address: "postgres://kairos@db:5432/k?sslmode=require", secret: "p@ss/" });
  expect(parted("postgres://kairos:a@b/c@db/k")).toEqual({ address: "postgres://kairos@db/k", secret: "a@b/c" });
  expect(parted("postgres://kairos:100%@db/k")).toEqual({ address: "postgres://kairos@db/k", secret: "100%" });
  for (const whole of ["postgres://kairos@db:5432/kairos", "postgres://db:5432/kairos", "https://hub:8443", ""]) expect(parted(whole)).toEqual({ address: whole, secret: null });
});

it("makes of what was typed what the hub takes", () => {
  const database = (address: string, secret = "") => placeOf({ kind: "database", address, secret });
  expect(database("postgres://kairos@db/kairos", "p@ss/:#")).toEqual({ url: "postgres://kairos:p%40ss%2F%3A%23@db/kairos" });
  expect(database(" kairos@db/kairos ", "x")).toEqual({ url: "postgres://kairos:x@db/kairos" });
  expect(database("postgres://kairos:old@db/kairos", "new")).toEqual({ url: "postgres://kairos:new@db/kairos" });
  expect(database("postgres://kairos:old@db/kairos")).toEqual({ url: "postgres://kairos:old@db/kairos" });
  expect(database("postgres://db/kairos")).toEqual({ url: "postgres://db/kairos" });
  expect(placeOf({ kind: "hub", address: "kairos.example.org/", secret: " ABCD-EFGH " })).toEqual({ url: "https://kairos.example.org", code: "ABCD-EFGH" });
});

it("tells another house only an address that it can reach", () => {
  const far = (url: string) => reachesFar(new URL(url) as unknown as Location);
  expect(["https://kairos.example.org", "https://hub.example.co.uk:8443"].map(far)).toEqual([true, true]);
  for (const near of ["http://kairos.example.org", "https://kairos.local", "https://192.168.1.4", "https://localhost", "https://[fd00::1]", "https://hub.lan"]) expect(far(near), near).toBe(false);
});

it("breaks a long address where its parts meet", () => {
  expect(pieces("postgres://kairos@db:5432/kairos")).toEqual(["postgres://", "kairos@", "db:5432/", "kairos"]);
  expect(pieces("https://hub").join("")).toBe("https://hub");
});

it("says how it stands, and quotes the hub only where that says more", () => {
  expect(stateText(standing({ state: "pending", pending: 3 }))).toBe("3 pending");
  expect(stateText(standing({ state: "offline", pending: 3 }))).toBe("Offline");
  const of = (state: Standing["state"], message: string) => saysMore(standing({ state, message }));
  expect(of("synced", "Synced")).toBe(false);
  expect(of("pending", "3 pending")).toBe(false);
  expect(of("offline", "Can't reach server. Working offline.")).toBe(false);
  expect(of("not_configured", "No server is connected; everything stays at home.")).toBe(false);
  expect(of("offline", "Can't reach the server: nothing listens at this address.")).toBe(true);
  expect(of("synced", "The server was set back to an earlier state; this hub brings back what it lacks.")).toBe(true);
  expect(detailOf("Can't reach the server: it does not answer.")).toBe("it does not answer.");
  expect(detailOf("The server is there.")).toBe("The server is there.");
  expect(lastText(standing(), 0)).toBe("Not together yet");
  expect(lastText(standing({ last_sync_at: 0 }), 240_000)).toBe("Last together 4 minutes ago");
  // A hub's clock may be ahead of this screen's.
  expect(lastText(standing({ last_sync_at: 240_000 }), 0)).toBe("Last together this minute");
});

it("shows people and households that have something, also without a name", () => {
  const rows = (rows_here: number, rows_there = 0) => ({ rows_here, rows_there, in_both: 0, differ: 0 });
  const people = [{ user_id: "a", display_name: "Ada", ...rows(2) }, { user_id: "b", display_name: null, ...rows(0, 1) }, { user_id: "c", display_name: "Cy", ...rows(0) }];
  const lines = linesOf({ server: "", is_empty: false, people, households: [{ household_id: "h", name: null, ...rows(1) }] });
  expect(lines.map(({ name, here, there }) => [name, here, there])).toEqual([["Ada", 2, 0], ["A person", 0, 1], ["Household", 1, 0]]);
});

/** The hub's side of a feed. */
class Line implements Socket {
  onopen = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  said: { type: string; id?: number }[] = [];
  closed = false;
  send(text: string): void {
    this.said.push(JSON.parse(text) as { type: string });
  }
  close(): void {
    this.closed = true;
  }
  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  /** Lets it in, and answers what it asks for. */
  answer(result: object): void {
    this.say({ type: "auth_required" });
    this.say({ type: "auth_ok" });
    this.say({ id: 1, type: "result", ...result });
  }
}

const lines: Line[] = [];
let asked = 0;
let heard: Standing[] = [];
let feed: Feed;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false });
  lines.length = asked = 0;
  heard = [];
});

afterEach(() => {
  feed?.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function begin(token: string | null = "t"): Promise<void> {
  const open = () => {
    const line = new Line();
    lines.push(line);
    return line;
  };
  feed = new Feed({ heard: (one) => heard.push(one), away: () => {}, token: async () => token, ask: async () => standing({ pending: ++asked }), open });
  await vi.advanceTimersByTimeAsync(0);
}

it("hears each change as it comes", async () => {
  await begin();
  lines[0]?.answer({ success: true, result: {} });
  expect(lines[0]?.said).toEqual([{ type: "auth", access_token: "t" }, { id: 1, type: "subscribe_sync_status" }]);
  lines[0]?.say({ id: 1, type: "event", event: standing({ state: "syncing", pending: 9 }) });
  lines[0]?.say({ id: 2, type: "event", event: standing({ state: "error" }) });
  expect(heard.map(({ pending }) => pending)).toContain(9);
  expect(heard.some(({ state }) => state === "error")).toBe(false);
  await vi.advanceTimersByTimeAsync(29_000);
  // Once, for what was not told meanwhile.
  expect(asked).toBe(1);
});

it("asks a hub that does not know the word, and leaves its line alone", async () => {
  await begin();
  lines[0]?.answer({ success: false, error: { code: "unknown_command", message: "" } });
  expect(lines[0]?.closed).toBe(true);
  await vi.advanceTimersByTimeAsync(9_500);
  expect(asked).toBe(4);
  expect(lines).toHaveLength(1);
});

it("calls again when the line ends, and not once it is stopped", async () => {
  await begin();
  lines[0]?.answer({ success: true, result: {} });
  lines[0]?.onclose?.({ code: 1006 });
  await vi.advanceTimersByTimeAsync(3_000);
  expect(lines).toHaveLength(2);
  feed.stop();
  expect(lines[1]?.closed).toBe(true);
  const before = asked;
  await vi.advanceTimersByTimeAsync(60_000);
  expect([lines.length, asked]).toEqual([2, before]);
});

it("does not call where nobody is signed in", async () => {
  await begin(null);
  expect(lines).toHaveLength(0);
});

import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Sync } from "../src/sync/database";

/** The browser, as far as a session knows it; and a hub that has the session of the cookie it gave last. */
const small = new Map<string, string>();
const signedOut = vi.fn();
let asked: string[] = [];
let away = false;
let cookie: string | null = null;
let zone = "UTC";
/** What the hub's next word on who somebody is waits for. */
let held: Promise<void> | null = null;

vi.stubGlobal("navigator", { languages: ["en"] });
vi.stubGlobal("localStorage", {
  getItem: (key: string) => small.get(key) ?? null,
  setItem: (key: string, value: string) => void small.set(key, value),
  removeItem: (key: string) => void small.delete(key),
});
vi.stubGlobal("location", { protocol: "http:", host: "hub", hash: "" });
vi.stubGlobal("dispatchEvent", (event: Event) => event.type === "kairos-signed-out" && signedOut());
vi.stubGlobal("WebSocket", class {
  close() {}
});
vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
  if (away) throw new TypeError("away");
  const body = JSON.parse(String(init.body ?? "{}")) as Record<string, string>;
  asked.push(`${init.method} ${path}`);
  const answer = (status: number, json?: object) => new Response(json ? JSON.stringify(json) : null, { status });
  if (path === "/api/auth/login") cookie = body["email"] ?? null;
  if (path === "/api/auth/logout") {
    cookie = null;
    return answer(204);
  }
  if (path === "/api/me") {
    await held;
    if (init.method === "PATCH") zone = body["tz"] ?? zone;
    return answer(200, { user_id: cookie, display_name: cookie, tz: zone });
  }
  return cookie ? answer(200, { access_token: `of ${cookie}`, expires_in: 900, user_id: cookie }) : answer(401);
});

const { session } = await import("../src/session");
const { zones } = await import("../src/app/account-words");

beforeEach(async () => {
  await session.stop();
  await session.signOut(false);
  small.clear();
  signedOut.mockClear();
  [asked, away, cookie, zone] = [[], false, null, "UTC"];
});

describe("who signs out while the hub is away", () => {
  it("is signed out there by whoever signs in next, who stays", async () => {
    await session.signIn("ada", "secret");
    await session.start();
    away = true;
    await session.signOut(false);
    away = false;
    asked = [];
    await session.signIn("bob", "secret");
    expect(asked).toEqual(["POST /api/auth/logout", "POST /api/auth/login"]);
    // The page is opened again.
    await session.endLeft();
    expect(cookie).toBe("bob");
  });

  it("is signed out there when the page is opened next", async () => {
    await session.signIn("ada", "secret");
    away = true;
    await session.signOut(false);
    await expect(session.endLeft()).rejects.toThrow();
    away = false;
    await session.endLeft();
    expect(cookie).toBeNull();
  });
});

it("keeps nobody who signed out while the hub was asked who they are", async () => {
  vi.stubGlobal("isSecureContext", true);
  vi.stubGlobal("indexedDB", {});
  Object.assign(navigator, { locks: {} });
  let say = () => {};
  held = new Promise((done) => (say = done));
  await session.signIn("ada", "secret");
  void session.greet();
  await vi.waitFor(() => expect(asked).toContain("GET /api/me"));
  await session.signOut(false);
  say();
  held = null;
  await new Promise((done) => setTimeout(done, 20));
  Object.assign(globalThis, { isSecureContext: false });
  expect(session.me).toBeNull();
  expect([...small.keys()]).toEqual([]);
});

it("leaves nothing of who wipes their device", async () => {
  await session.signIn("ada", "secret");
  small.set("kairos.recovery-later", "2026-11-30 ada");
  await session.signOut(true);
  expect([...small.keys()]).toEqual([]);
});

it("leaves nothing of who leaves for good, whoever hears first that their session has ended", async () => {
  const close = vi.fn(async (_clean: boolean) => {});
  await session.signIn("ada", "secret");
  session.sync = { close } as unknown as Sync;
  session.wipes = true;
  // The page hears it of the hub, and not of the person.
  await session.stop();
  expect(close).toHaveBeenCalledWith(true);
  // Who comes next is asked as always.
  await session.signIn("bo", "secret");
  session.sync = { close } as unknown as Sync;
  await session.stop();
  expect(close).toHaveBeenLastCalledWith(false);
});

it("tells the other tabs of a sign-out, also where nothing is kept", async () => {
  const told: string[] = [];
  const remove = vi.spyOn(localStorage, "removeItem").mockImplementation((key) => void (small.delete(key) && told.push(key)));
  await session.signIn("ada", "secret");
  await session.greet();
  expect(small.has("kairos.me")).toBe(false);
  await session.signOut(false);
  expect(told).toContain("kairos.me");
  expect([...small.keys()]).toEqual([]);
  // A tab that only heard of it tells nobody.
  told.length = 0;
  await session.stop();
  expect(told).toEqual([]);
  remove.mockRestore();
});

describe("a time zone", () => {
  const where = (tz: string) => vi.spyOn(Intl.DateTimeFormat.prototype, "resolvedOptions").mockReturnValue({ timeZone: tz } as Intl.ResolvedDateTimeFormatOptions);
  const open = async () => {
    await session.signIn("ada", "secret");
    await session.start();
  };

  it("is the browser's, until somebody chose", async () => {
    where("America/New_York");
    await open();
    expect(session.me?.tz).toBe("America/New_York");
  });

  it("is UTC for who chose that, wherever they are", async () => {
    where("America/New_York");
    zone = zones("Europe/Berlin").find(({ name }) => name === "UTC")?.tz ?? "";
    await open();
    expect(session.me?.tz).toBe(zone);
    expect(zones(zone).filter(({ own }) => own)).toEqual([{ tz: zone, name: "UTC", own: true }]);
    expect(zones("UTC").filter(({ own }) => own)).toEqual([{ tz: zone, name: "UTC", own: true }]);
  });
});

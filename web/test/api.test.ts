import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Api, ApiError, exclusive } from "../src/api";

interface Seen {
  method: string;
  path: string;
  headers: Record<string, string>;
}

/** A hub of one function: what it answers to each request, and what it saw. */
function hub(answer: (seen: Seen, n: number) => [number, unknown] | Promise<[number, unknown]>) {
  const seen: Seen[] = [];
  const fetch = vi.fn(async (path: string | URL | Request, init?: RequestInit) => {
    const request = { method: init?.method ?? "GET", path: String(path), headers: (init?.headers ?? {}) as Record<string, string> };
    seen.push(request);
    const [status, body] = await answer(request, seen.length);
    return new Response(body === undefined ? null : JSON.stringify(body), { status });
  });
  return { seen, fetch: fetch as typeof globalThis.fetch };
}

const token = (name: string, expires_in = 900) => ({ access_token: name, token_type: "Bearer", expires_in, user_id: "u1" });
const refusal = (code: string, message: string) => ({ error: { code, message, details: {} } });

beforeEach(() => vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => vi.useRealTimers());

describe("refresh", () => {
  it("happens once for many requests", async () => {
    const { seen, fetch } = hub(({ path }) => [200, path.endsWith("refresh") ? token("a") : { ok: path }]);
    const api = new Api({ fetch });
    await Promise.all([api.get("/api/me"), api.get("/api/today"), api.get("/api/habits")]);
    expect(seen.filter((s) => s.path === "/api/auth/refresh")).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: "POST", headers: { "X-Kairos-Cookie": "1" } });
    for (const s of seen.slice(1)) expect(s.headers["Authorization"]).toBe("Bearer a");
  });

  it("happens once when many requests are refused together", async () => {
    let names = 0;
    const { seen, fetch } = hub(({ path, headers }) => {
      if (path.endsWith("refresh")) return [200, token(`t${++names}`)];
      return headers["Authorization"] === "Bearer t2" ? [200, {}] : [401, refusal("unauthorized", "")];
    });
    const api = new Api({ fetch });
    await api.refresh();
    await Promise.all([api.get("/a"), api.get("/b"), api.get("/c")]);
    expect(seen.filter((s) => s.path === "/api/auth/refresh")).toHaveLength(2);
  });

  it("comes before the token ends", async () => {
    const { seen, fetch } = hub(({ path }) => [200, path.endsWith("refresh") ? token("b") : token("a", 60)]);
    const api = new Api({ fetch });
    await api.login("ada@example.org", "secret");
    expect(await api.token()).toBe("a");
    vi.setSystemTime(Date.now() + 31_000);
    expect(await api.token()).toBe("b");
    expect(seen).toHaveLength(2);
  });

  it("ends when the cookie has become somebody else's", async () => {
    let user = "u1";
    const { fetch } = hub(() => [200, { ...token(user), user_id: user }]);
    const onSignedOut = vi.fn();
    const api = new Api({ fetch, onSignedOut });
    await api.refresh();
    user = "u2";
    expect(await api.token(true)).toBeNull();
    expect(onSignedOut).toHaveBeenCalledOnce();
    // Whoever it is begins anew.
    expect(await api.token()).toBe("u2");
    expect(api.user).toBe("u2");
  });

  it("is nobody else's than of whom the page knows", async () => {
    const { fetch } = hub(() => [200, token("b")]);
    const api = new Api({ fetch });
    api.user = "u2";
    expect(await api.refresh()).toBe(false);
  });

  it("signs out when the cookie is not good any more", async () => {
    const onSignedOut = vi.fn();
    const { fetch } = hub(({ path }) => (path.endsWith("login") ? [200, token("a")] : [401, refusal("unauthorized", "Please sign in again")]));
    const api = new Api({ fetch, onSignedOut });
    await api.login("ada@example.org", "secret");
    await expect(api.get("/api/me")).rejects.toMatchObject({ status: 401 });
    expect(onSignedOut).toHaveBeenCalledTimes(1);
    expect(api.user).toBeNull();
  });

  it("keeps the session while the hub is away", async () => {
    const onSignedOut = vi.fn();
    let up = true;
    const { fetch } = hub(() => {
      if (!up) throw new TypeError("no route");
      return [200, token("a", 60)];
    });
    const api = new Api({ fetch, onSignedOut, offlineText: "away" });
    await api.login("ada@example.org", "secret");
    up = false;
    vi.setSystemTime(Date.now() + 120_000);
    await expect(api.get("/api/me")).rejects.toMatchObject({ status: 0, code: "offline", message: "away" });
    expect(onSignedOut).not.toHaveBeenCalled();
    up = true;
    await expect(api.get("/api/me")).resolves.toBeDefined();
  });

  it("may run again after one that did not work", async () => {
    const { fetch } = hub((_, n) => (n === 1 ? [500, undefined] : [200, token("a")]));
    const api = new Api({ fetch });
    await expect(api.refresh()).rejects.toMatchObject({ status: 500 });
    await expect(api.refresh()).resolves.toBe(true);
  });
});

describe("a sign-out", () => {
  /** A hub that answers when it is told to. */
  function slow() {
    const waits: (() => void)[] = [];
    const { seen, fetch } = hub(async ({ path }) => {
      if (!path.endsWith("login")) await new Promise<void>((done) => waits.push(done));
      return [path === "/bad" ? 401 : 200, path.startsWith("/api/auth") ? token("a") : { of: "ada" }];
    });
    const tick = () => new Promise((done) => setTimeout(done));
    return { api: new Api({ fetch }), seen, tick, speak: () => (waits.splice(0).forEach((done) => done()), tick()) };
  }

  it("is the end of what was asked before, also for who comes next", async () => {
    const { api, tick, speak } = slow();
    await api.login("ada@example.org", "secret");
    const heard = vi.fn();
    api.get("/api/habits").then(heard, heard);
    api.get("/bad").then(heard, heard);
    api.download("/api/export").then(heard, heard);
    await tick();
    api.end();
    await api.login("ben@example.org", "secret");
    await speak();
    await speak();
    expect(heard).not.toHaveBeenCalled();
  });

  it("is not undone by a page that still asks, nor by a renewal under way", async () => {
    const { api, seen, tick, speak } = slow();
    await api.login("ada@example.org", "secret");
    const renewal = api.token(true);
    await tick();
    api.end();
    await speak();
    expect(await renewal).toBeNull();
    expect([await api.token(), api.user]).toEqual([null, null]);
    expect(seen).toHaveLength(2);
    // A page that begins anew asks whose the cookie is.
    const begun = api.refresh();
    await tick();
    await speak();
    expect(await begun).toBe(true);
    expect(await api.token()).toBe("a");
  });
});

describe("errors", () => {
  it("speak in the hub's words", async () => {
    const { fetch } = hub(() => [422, refusal("name_too_long", "Please choose a shorter name.")]);
    const error = await new Api({ fetch }).bare("POST", "/api/setup", {}).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 422, code: "name_too_long", message: "Please choose a shorter name." });
  });

  it("speak the person's language where there is somebody to say them", async () => {
    const { fetch } = hub(() => [401, refusal("invalid_credentials", "It is not right.")]);
    const said = (say: (error: { code: string }) => Promise<string>) => new Api({ fetch, say }).login("a", "b").catch((error: Error) => error.message);
    expect(await said(async ({ code }) => `de: ${code}`)).toBe("de: invalid_credentials");
    expect(await said(() => Promise.reject(new Error("away")))).toBe("It is not right.");
  });

  it("need no body", async () => {
    const { fetch } = hub(() => [502, undefined]);
    await expect(new Api({ fetch }).bare("GET", "/api/setup")).rejects.toMatchObject({ status: 502, message: "HTTP 502" });
  });
});

it("gives each post a key of its own", async () => {
  const { seen, fetch } = hub(({ path }) => [200, path.endsWith("login") ? token("a") : {}]);
  const api = new Api({ fetch });
  await api.login("ada@example.org", "secret");
  await api.post("/api/habits/1/complete");
  await api.post("/api/habits/1/complete");
  const keys = seen.slice(1).map((s) => s.headers["Idempotency-Key"]);
  expect(new Set(keys).size).toBe(2);
  expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

describe("files", () => {
  const session = { access_token: "a", expires_in: 900, user_id: "u" };

  it("go up as they are, with a key of their own", async () => {
    const seen: RequestInit[] = [];
    const api = new Api({
      fetch: (async (path: string, init: RequestInit) => {
        seen.push(init);
        return Response.json(path === "/api/auth/login" ? session : { state: "dry_run" });
      }) as typeof fetch,
    });
    await api.login("a@b", "c");
    const file = new Blob(["habit,date"]);
    await api.upload("/api/imports?dry_run=true", file);
    expect(seen[1]!.body).toBe(file);
    expect(seen[1]!.headers).toMatchObject({ Authorization: "Bearer a", "Content-Type": "application/octet-stream" });
    expect((seen[1]!.headers as Record<string, string>)["Idempotency-Key"]).toMatch(/^[\w-]{36}$/);
  });

  it("come down whole, or with the hub's own words", async () => {
    const answers = [Response.json(session), new Response("habit,date"), Response.json({ error: { code: "busy", message: "One at a time." } }, { status: 429 })];
    const api = new Api({ fetch: (() => Promise.resolve(answers.shift()!)) as typeof fetch });
    await api.login("a@b", "c");
    expect(await (await api.download("/api/export?format=csv")).text()).toBe("habit,date");
    await expect(api.download("/api/export?format=csv")).rejects.toMatchObject({ status: 429, message: "One at a time." });
  });
});

describe("one tab at a time", () => {
  it("also without locks, where several begin at once", async () => {
    const small = new Map<string, string>();
    vi.stubGlobal("navigator", {});
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => small.get(key) ?? null,
      setItem: (key: string, value: string) => void small.set(key, value),
      removeItem: (key: string) => void small.delete(key),
    });
    let [now, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, ++now);
      await new Promise((done) => setTimeout(done, 30));
      now -= 1;
    };
    // Tabs are processes: what one writes the others see a moment later.
    const late = (key: string, value: string) => setTimeout(() => small.set(key, value), 10);
    localStorage.setItem = late;
    await Promise.all([exclusive(work), exclusive(work), exclusive(work)]);
    expect(most).toBe(1);
    expect(small.size).toBe(0);
    vi.unstubAllGlobals();
  });
});

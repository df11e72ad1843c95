import { randomId } from "./ids";
import type { TokenAnswer, WireError } from "./types";

/**
 * REST with a session.
 *
 * The access token lives in memory only; the refresh token is an httpOnly cookie this code never sees.
 */

/** An answer that was not a success, in the hub's own words; status 0: there was no answer. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

/** Where a browser that is also a mirror keeps what it shows a day by. */
export const MIRROR = "kairos.display-token";

/** How long a request may take: a page that waits forever cannot say what is wrong. */
const REQUEST_MS = 15_000;
/** A file may take as long as the hub gives it. */
const FILE_MS = 600_000;
/** A token this close to its end is renewed before it is used. */
const MARGIN_MS = 30_000;

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiOptions {
  fetch?: typeof fetch;
  /** Runs one at a time across tabs, see `exclusive`. */
  lock?: <R>(work: () => Promise<R>) => Promise<R>;
  onSignedOut?: () => void;
  /** The text of an error without an answer. */
  offlineText?: string;
  /** Says an error of the hub in the person's language. */
  say?: (error: WireError) => Promise<string>;
}

export class Api {
  /** Whose session it is, as far as is known. */
  user: string | null = null;
  private access: string | null = null;
  private expires = 0;
  private refreshing: Promise<boolean> | null = null;
  /** From a sign-in to a sign-out. */
  private life = { over: false };

  constructor(private readonly options: ApiOptions = {}) {}

  /** Takes the answer of login or setup. */
  login(email: string, password: string): Promise<void> {
    return this.open("/api/auth/login", { email, password });
  }

  setup(body: { setup_code: string; email: string; password: string; display_name: string }): Promise<void> {
    return this.open("/api/setup", body);
  }

  private async open(path: string, body: unknown): Promise<void> {
    this.accept(await this.answer<TokenAnswer>(await this.send("POST", path, body, { "X-Kairos-Cookie": "1" })));
  }

  /** Nobody is signed in from now on, though the cookie may not know it yet: only a sign-in or `refresh` begins anew. */
  end(): void {
    this.life.over = true;
    this.user = this.access = null;
  }

  /** What is answered to who has left meanwhile reaches nobody. */
  private mine<T>(job: Promise<T>): Promise<T> {
    const { life } = this;
    return new Promise((done, failed) => job.then((it) => life.over || done(it), (error: unknown) => life.over || failed(error)));
  }

  /** The access token, renewed when it is about to end or `renew` asks for it; null: nobody is signed in. */
  async token(renew = false): Promise<string | null> {
    if (this.life.over) return null;
    if (renew || !this.access || Date.now() > this.expires - MARGIN_MS) await this.refresh();
    return this.access;
  }

  /**
   * Renews the session by its cookie; false: there is none any more. Throws when the hub does not answer.
   *
   * Single-flight: refresh tokens rotate, and the second use of one ends the session.
   */
  refresh(): Promise<boolean> {
    this.begin();
    this.refreshing ??= (this.options.lock ?? ((work) => work()))(() => this.renew()).finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  private async renew(): Promise<boolean> {
    const { life } = this;
    const response = await this.send("POST", "/api/auth/refresh", {}, { "X-Kairos-Cookie": "1" });
    if (life.over) return false;
    if (response.status === 400 || response.status === 401 || response.status === 403) {
      this.forget();
      return false;
    }
    const answer = await this.answer<TokenAnswer>(response);
    if (life.over) return false;
    // Cookies know no ports: somebody else signed in on the hub's other address, and this page is not theirs.
    if (this.user && this.user !== answer.user_id) {
      this.forget();
      return false;
    }
    this.accept(answer);
    return true;
  }

  get<T>(path: string): Promise<T> {
    return this.request("GET", path);
  }

  /** A POST that may be repeated safely: it carries an `Idempotency-Key`. What takes the hub long may be waited for longer. */
  post<T>(path: string, body: unknown = {}, ms = REQUEST_MS): Promise<T> {
    return this.request("POST", path, body, { "Idempotency-Key": randomId() }, ms);
  }

  put<T>(path: string, body: unknown, ms = REQUEST_MS): Promise<T> {
    return this.request("PUT", path, body, {}, ms);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.request("PATCH", path, body);
  }

  delete<T>(path: string, body?: unknown): Promise<T> {
    return this.request("DELETE", path, body);
  }

  /** A POST whose body is a file; saying it again is as safe as with `post`. */
  upload<T>(path: string, file: Blob): Promise<T> {
    return this.request("POST", path, file, { "Idempotency-Key": randomId() }, FILE_MS);
  }

  /** An answer that is a file. */
  download(path: string): Promise<Blob> {
    return this.mine(this.file(path));
  }

  private async file(path: string): Promise<Blob> {
    const response = await this.ask("GET", path, undefined, {}, FILE_MS);
    if (!response.ok) await this.answer(response);
    try {
      return await response.blob();
    } catch {
      throw new ApiError(0, "offline", this.options.offlineText ?? "");
    }
  }

  private request<T>(method: Method, path: string, body?: unknown, headers: Record<string, string> = {}, ms = REQUEST_MS): Promise<T> {
    return this.mine(this.ask(method, path, body, headers, ms).then((response) => this.answer<T>(response)));
  }

  private async ask(method: Method, path: string, body: unknown, headers: Record<string, string>, ms: number): Promise<Response> {
    let token = await this.token();
    const response = await this.send(method, path, body, this.bearer(token, headers), ms);
    if (response.status !== 401 || !token) return response;
    // Perhaps the hub restarted with new keys or the clock jumped: one renewal, one more try.
    token = await this.token(true);
    return token ? this.send(method, path, body, this.bearer(token, headers), ms) : response;
  }

  private bearer(token: string | null, headers: Record<string, string>): Record<string, string> {
    return token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
  }

  /** One request without a session, for setup and displays. */
  async bare<T>(method: Method, path: string, body?: unknown, bearer: string | null = null): Promise<T> {
    return this.answer<T>(await this.send(method, path, body, this.bearer(bearer, {})));
  }

  private async send(method: Method, path: string, body: unknown, headers: Record<string, string>, ms = REQUEST_MS): Promise<Response> {
    const init: RequestInit = {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(ms),
    };
    if (body instanceof Blob) {
      init.headers = { ...headers, "Content-Type": "application/octet-stream" };
      init.body = body;
    } else if (body !== undefined) {
      init.headers = { ...headers, "Content-Type": "application/json" };
      init.body = JSON.stringify(body);
    }
    try {
      return await (this.options.fetch ?? fetch)(path, init);
    } catch {
      throw new ApiError(0, "offline", this.options.offlineText ?? "");
    }
  }

  private async answer<T>(response: Response): Promise<T> {
    const text = await response.text().catch(() => "");
    let json: unknown;
    try {
      json = text ? JSON.parse(text) : undefined;
    } catch {
      json = undefined;
    }
    if (response.ok) return json as T;
    const error = (json as { error?: WireError } | undefined)?.error;
    const { code = "http", message = `HTTP ${response.status}` } = error ?? {};
    const said = error && (await this.options.say?.(error).catch(() => message));
    throw new ApiError(response.status, code, said ?? message);
  }

  private begin(): void {
    if (this.life.over) this.life = { over: false };
  }

  private accept(answer: TokenAnswer): void {
    this.begin();
    this.user = answer.user_id;
    this.access = answer.access_token;
    this.expires = Date.now() + answer.expires_in * 1000;
  }

  private forget(): void {
    const was = this.access;
    this.user = this.access = null;
    if (was) this.options.onSignedOut?.();
  }
}

const LEASE = "kairos.refresh-lease";

/**
 * Runs `work` in one tab at a time, since all tabs share the one refresh cookie.
 *
 * Web locks exist on secure origins only; elsewhere a short lease in localStorage does what can be done: who took it looks again
 * when the other tabs have had time to, since the last to write has it.
 */
export async function exclusive<R>(work: () => Promise<R>): Promise<R> {
  const locks = (navigator as { locks?: LockManager }).locks;
  if (locks) return locks.request("kairos.refresh", work) as Promise<R>;
  let lease = "";
  for (let tries = 0; tries < 50; tries++) {
    const held = localStorage.getItem(LEASE);
    if (held && held === lease) break;
    if (parseInt(held ?? "0") < Date.now()) localStorage.setItem(LEASE, (lease = `${Date.now() + 5_000} ${Math.random()}`));
    await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 50));
  }
  try {
    return await work();
  } finally {
    if (localStorage.getItem(LEASE) === lease) localStorage.removeItem(LEASE);
  }
}

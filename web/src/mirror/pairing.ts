import { ApiError, MIRROR } from "../api";
import type { DisplayOffer, DisplayPoll } from "../types";

/** How a mirror gets its token without a login: it shows a code, and a person approves it. */

const POLL_MS = 2_000;
const RETRY_MIN_MS = 2_000;
const RETRY_MAX_MS = 60_000;

export type PairingState =
  | { step: "waiting" }
  | { step: "setup" }
  | { step: "code"; code: string }
  | { step: "paired"; token: string };

interface Wire {
  bare<T>(method: "GET" | "POST", path: string, body?: unknown, bearer?: string | null): Promise<T>;
}

export function storedToken(): string | null {
  return localStorage.getItem(MIRROR);
}

export function storeToken(token: string | null): void {
  if (token === null) localStorage.removeItem(MIRROR);
  else localStorage.setItem(MIRROR, token);
}

/** Asks for a code and polls until a person approved it; a code that ran out is replaced, for as long as it takes. */
export async function pair(
  wire: Wire,
  show: (state: PairingState) => void,
  sleep: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  now: () => number = Date.now,
): Promise<string> {
  let retry = RETRY_MIN_MS;
  for (;;) {
    let offer: DisplayOffer;
    try {
      offer = await wire.bare<DisplayOffer>("POST", "/api/displays", {});
      retry = RETRY_MIN_MS;
    } catch (error) {
      const setup = error instanceof ApiError && error.code === "setup_required";
      show({ step: setup ? "setup" : "waiting" });
      await sleep(setup ? RETRY_MIN_MS : retry);
      retry = Math.min(retry * 2, RETRY_MAX_MS);
      continue;
    }
    show({ step: "code", code: offer.code });
    const token = await poll(wire, offer, sleep, now);
    if (token !== null) return token;
  }
}

async function poll(
  wire: Wire,
  offer: DisplayOffer,
  sleep: (ms: number) => Promise<void>,
  now: () => number,
): Promise<string | null> {
  const end = now() + offer.expires_in * 1000;
  while (now() < end) {
    await sleep(POLL_MS);
    try {
      const answer = await wire.bare<DisplayPoll>("GET", "/api/displays/poll", undefined, offer.poll_secret);
      if (answer.status === "approved") return answer.token;
    } catch (error) {
      // The hub does not know this code any more; without an answer or when told to slow down, keep asking.
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 401 || status === 403 || status === 404 || status === 410) return null;
      await sleep(POLL_MS);
    }
  }
  return null;
}

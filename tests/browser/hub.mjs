/** What the browser scripts share: settings from the environment, one Chromium, waits that end, JSON lines. */

import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium, program } from "./chromium.mjs";

/** Something was not as hoped; exit code 1. */
export class Trouble extends Error {}
/** Wrong usage; exit code 2. */
export class Usage extends Error {}

/** A setting from the environment. Without a default it has to be there. */
export function setting(name, otherwise) {
  const value = process.env[name] ?? otherwise;
  if (value === undefined) throw new Usage(`${name} is not set`);
  return value;
}

export const url = () => setting("HUB_URL", "http://127.0.0.1:8420").replace(/\/$/, "");
export const patience = () => Number(setting("TIMEOUT_MS", "20000"));

/** One line of the report. */
export function say(step, fields = {}) {
  console.log(JSON.stringify({ step, ...fields }));
}

let heard = null;

/** Waits until whoever started the script tells it this word, as a line. */
export async function told(word) {
  heard ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const { value, done } = await heard.next();
  if (done || value !== word) throw new Usage(`instead of "${word}" this was said: ${value}`);
}

/** Calls the hub's REST API: at API_URL, where the page's own address is a name that only the browser knows. */
export async function api(method, path, { token, body } = {}) {
  const response = await fetch(setting("API_URL", url()) + path, {
    method,
    headers: {
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(patience()),
  });
  const text = await response.text();
  if (!response.ok) throw new Trouble(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
  return text ? JSON.parse(text) : null;
}

/** A token that may approve a mirror: TOKEN, or a login with EMAIL and PASSWORD. */
export async function token() {
  if (process.env.TOKEN) return process.env.TOKEN;
  const body = { email: setting("EMAIL"), password: setting("PASSWORD") };
  return (await api("POST", "/api/auth/login", { body })).access_token;
}

/** Finds the elements that the pages mark for tests. */
export const hook = (page, name, more = "") => page.locator(`[data-testid="${name}"]${more}`);

/**
 * Runs a script with a page in a fresh Chromium, and turns its end into an exit code.
 *
 * A page that throws, or that asks any other host for anything, is trouble in itself: nothing in the house needs the
 * internet.
 */
export async function run(viewport, script) {
  const browsers = [];
  const profiles = [];
  const troubles = [];
  let code = 0;
  try {
    const shots = process.env.SHOTS ?? null;
    if (shots) await mkdir(shots, { recursive: true });
    // A persistent context is the one that takes a user data directory; this one is empty and goes at the end.
    const known = program();
    const rules = process.env.HOST_RULES ? [`--host-resolver-rules=${process.env.HOST_RULES}`] : [];
    /** The page of one more device, which shares nothing with the others. */
    const another = async () => {
      const profile = await mkdtemp(join(tmpdir(), "kairos-browser-"));
      profiles.push(profile);
      const browser = await chromium.launchPersistentContext(profile, {
        ...known,
        viewport,
        ignoreHTTPSErrors: process.env.INSECURE === "1",
        ...(process.env.BROWSER_LOCALE ? { locale: process.env.BROWSER_LOCALE } : {}),
        ...(process.env.AGENT ? { userAgent: process.env.AGENT } : {}),
        args: [...known.args, ...rules],
      });
      browsers.push(browser);
      browser.setDefaultTimeout(patience());
      const page = browser.pages()[0] ?? (await browser.newPage());
      page.on("pageerror", (error) => troubles.push(`the page threw: ${error.message}`));
      page.on("console", (message) => {
        // A browser writes every 401 here; only the hub's content policy is a fault of the page.
        if (/Content Security Policy/.test(message.text())) troubles.push(message.text());
      });
      // A page in plain http may ask whether it would reach the hub in https.
      const home = [new URL(url()).host, process.env.HTTPS_HOST, ...(process.env.ALSO_HOME ?? "").split(",")];
      page.on("request", (request) => {
        const asked = new URL(request.url());
        if (/^(https?|wss?):$/.test(asked.protocol) && !home.includes(asked.host)) troubles.push(`the page asked ${asked.host}`);
      });
      return page;
    };
    const page = await another();
    const shot = async (name) => {
      if (!shots) return;
      const path = join(shots, `${name}.png`);
      // Animations jump to their end, so that a picture is of a state and not of a moment.
      await page.screenshot({ path, animations: "disabled" });
      say("shot", { path });
    };
    try {
      await script(page, shot, another);
    } catch (error) {
      await shot("trouble").catch(() => {});
      throw error;
    }
    if (troubles.length > 0) throw new Trouble([...new Set(troubles)].join("; "));
    say("done", { ok: true });
  } catch (error) {
    code = error instanceof Usage ? 2 : 1;
    // Playwright colours its messages.
    const trouble = [error.message, ...troubles].join("; ").replace(/\u001b\[\d*m/g, "");
    say("done", { ok: false, trouble: trouble.slice(0, 2000) });
  } finally {
    for (const browser of browsers) await browser.close();
    for (const profile of profiles) await rm(profile, { recursive: true, force: true });
    // Who is still listened to would keep the script from its end.
    if (heard) process.stdin.destroy();
  }
  process.exitCode = code;
}

/** The phone's page, as several scripts use it. */

import { api, hook, patience, setting, token, Trouble, url } from "./hub.mjs";

/** A habit of the day. */
export const item = (page, id, done) => hook(page, "today-item", `[data-habit-id="${id}"]${done === undefined ? "" : `[data-done="${done}"]`}`);
export const tap = (page, id) => item(page, id).locator('[data-testid="today-complete"]').click();
/** Waits until the page says in this word how it stands with its hub. */
export const state = (page, word, more = {}) => hook(page, "sync-state", `[data-state="${word}"]`).first().waitFor(more);

/** Fills the form that the page shows. */
export async function signIn(page, email = setting("EMAIL"), password = setting("PASSWORD")) {
  await hook(page, "login-email").fill(email);
  await hook(page, "login-password").fill(password);
  await hook(page, "login-submit").click();
}

/** Waits until the service worker has the page, and SQLite too: from then on it opens without the hub. */
export async function kept(page) {
  await page.waitForFunction(async () => {
    if (!navigator.serviceWorker.controller) return false;
    for (const name of await caches.keys()) {
      for (const { url } of await (await caches.open(name)).keys()) if (url.endsWith(".wasm")) return true;
    }
    return false;
  });
}

/** What was done of a habit today, as the hub has it, oldest first. */
export async function deeds(id, bearer = null) {
  bearer ??= await token();
  const { date } = await api("GET", "/api/today", { token: bearer });
  return (await api("GET", `/api/habits/${id}/days/${date}/events`, { token: bearer })).items;
}

/** Waits for them to arrive. What arrives twice is seen by the next look. */
export async function expectDeeds(id, expected) {
  const end = Date.now() + patience();
  for (;;) {
    const found = (await deeds(id)).map(({ verb }) => verb);
    if (found.join() === expected.join()) return;
    if (Date.now() > end) throw new Trouble(`the hub has ${found.join()} and not ${expected.join()}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/**
 * Asks the page's own database, through the app's own connection to it: what the app's entry shares with the pages that are
 * loaded late, it shares with us.
 */
export function local(page, sql, parameters = []) {
  return page.evaluate(async ([sql, parameters]) => {
    const app = await import(document.querySelector('script[type="module"][src]').src);
    const session = Object.values(app).find((one) => one?.live && one?.model && "sync" in one);
    return session.sync.db.getAll(sql, parameters);
  }, [sql, parameters]);
}

/** Has the page bring what happened to each of these habits, event by event, which it does not do by itself. */
export function bringEvents(page, ids) {
  return page.evaluate(async (ids) => {
    const app = await import(document.querySelector('script[type="module"][src]').src);
    const session = Object.values(app).find((one) => one?.live && one?.model && "sync" in one);
    const streams = await Promise.all(ids.map((habit) => session.sync.db.syncStream("events", { habit }).subscribe()));
    await Promise.all(streams.map((stream) => stream.waitForFirstSync()));
  }, ids);
}

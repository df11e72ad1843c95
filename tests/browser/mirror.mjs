/**
 * A mirror in a browser: it shows a code, is approved, shows a habit, and shows it done when somebody presses.
 *
 *   HUB_URL=http://127.0.0.1:8420 TOKEN=… HABIT="Drink a glass of water" [SHOTS=folder] node mirror.mjs
 *
 * Instead of TOKEN: EMAIL and PASSWORD. HABIT_ID instead of HABIT picks by id. With COMPLETE=1 the script completes the
 * habit itself over REST, with TAP=1 on a phone's page (EMAIL, PASSWORD), and measures from there; from the tap to the mirror
 * it may take a second. Otherwise it waits for whoever presses and measures from READY.
 * Also read: CHROMIUM, INSECURE=1, HOST_RULES, TIMEOUT_MS.
 *
 * Prints `{"step":"READY","habit_id":…}`, then `{"step":"SEEN","ms":…,"at":…}`; `at` is the time of day in ms at which
 * the page changed, for a caller who knows when it pressed.
 */

import { api, hook, patience, run, say, setting, token, Trouble, url } from "./hub.mjs";
import { item as onPhone, signIn, state, tap } from "./phone.mjs";

/** How long a tap may take to be seen. */
const SOON_MS = 1_000;

/** Runs in the page: resolves with the time of day at which the habit became done. */
function becomesDone(item, [habitId, patienceMs]) {
  return new Promise((resolve, reject) => {
    const root = item.getRootNode();
    const done = `[data-testid="mirror-item"][data-habit-id="${habitId}"][data-done="true"]`;
    const look = () => {
      if (!root.querySelector(done)) return;
      watcher.disconnect();
      resolve(performance.timeOrigin + performance.now());
    };
    const watcher = new MutationObserver(look);
    watcher.observe(root, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-done", "data-habit-id"] });
    setTimeout(() => reject(new Error(`not done on the mirror within ${patienceMs} ms`)), patienceMs);
    look();
  });
}

await run({ width: 1080, height: 1920 }, async (page, shot, another) => {
  const bearer = await token();
  const wanted = process.env.HABIT_ID ? null : setting("HABIT");
  await page.goto(`${url()}/mirror`);

  const shown = hook(page, "mirror-code");
  await shown.waitFor();
  const code = (await shown.innerText()).replace(/\s+/g, "");
  if (!/^[0-9A-Z]{4}-[0-9A-Z]{4}$/.test(code)) throw new Trouble(`the mirror shows "${code}", not a code`);
  await shot("mirror-1-code");
  say("code");

  const body = { name: "Test mirror", show: ["me"], act_as: null };
  await api("POST", `/api/displays/${encodeURIComponent(code)}/approve`, { token: bearer, body });

  const items = process.env.HABIT_ID
    ? hook(page, "mirror-item", `[data-habit-id="${process.env.HABIT_ID}"]`)
    : hook(page, "mirror-item").filter({ hasText: wanted });
  const item = items.first();
  await item.waitFor();
  const habitId = await item.getAttribute("data-habit-id");
  if (!habitId) throw new Trouble("mirror-item has no data-habit-id");
  if ((await item.getAttribute("data-done")) !== "false") throw new Trouble("the habit is done before anybody pressed");
  const count = (await hook(page, "mirror-count").first().innerText()).trim();
  await shot("mirror-2-open");

  const phone = process.env.TAP === "1" ? await another() : null;
  if (phone) {
    await phone.goto(`${url()}/`);
    await signIn(phone);
    await onPhone(phone, habitId, false).waitFor();
    await state(phone, "synced");
  }

  const seen = item.evaluate(becomesDone, [habitId, patience()]);
  // Awaited below; until then its end must not count as unhandled.
  seen.catch(() => {});
  // The watcher runs in the page before READY is printed: calls to one page are handled in order.
  await page.evaluate(() => {});
  say("READY", { habit_id: habitId, count });
  const begin = performance.timeOrigin + performance.now();
  if (process.env.COMPLETE === "1") {
    await api("POST", `/api/habits/${habitId}/complete`, { token: bearer, body: {} });
  }
  if (phone) await tap(phone, habitId);
  const at = await seen;
  say("SEEN", { ms: Math.round((at - begin) * 10) / 10, at: Math.round(at * 10) / 10 });
  if (phone && at - begin > SOON_MS) throw new Trouble(`the mirror showed the tap after ${Math.round(at - begin)} ms`);

  await hook(page, "mirror-item", `[data-habit-id="${habitId}"][data-done="true"]`).first().waitFor();
  const after = (await hook(page, "mirror-count").first().innerText()).trim();
  if (after === count) throw new Trouble(`the count still says "${count}"`);
  await shot("mirror-3-done");
});

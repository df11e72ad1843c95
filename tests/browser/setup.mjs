/**
 * The first run in a browser: the setup code, the first account, the first habit, and a tap that completes it.
 *
 *   SETUP_CODE=… HUB_URL=http://127.0.0.1:8420 [SHOTS=folder] node setup.mjs
 *
 * It types as people do, and all of that takes less than a minute. Also read: NAME, EMAIL, PASSWORD, HABIT, ANCHOR, TAP=0
 * (leaves the habit open), KEY_MS (200), CHROMIUM, INSECURE=1, HOST_RULES, TIMEOUT_MS. Prints `{"step":"READY","habit_id":…}`
 * when the habit is on the page, and `{"step":"DONE","seconds":…}` when it is done.
 */

import { hook, run, say, setting, Trouble, url } from "./hub.mjs";

const LONGEST_S = 60;

await run({ width: 412, height: 915 }, async (page, shot) => {
  const habit = setting("HABIT", "Drink a glass of water");
  const code = setting("SETUP_CODE");
  const delay = Number(setting("KEY_MS", "200"));
  const write = (name, text) => hook(page, name).pressSequentially(text, { delay });
  const begin = performance.now();
  await page.goto(`${url()}/`);

  await hook(page, "setup-code").waitFor();
  await shot("setup-1-account");
  await write("setup-code", code);
  await write("setup-name", setting("NAME", "Ada"));
  await write("setup-email", setting("EMAIL", "ada@example.org"));
  await write("setup-password", setting("PASSWORD", "correct horse battery staple"));
  await hook(page, "setup-submit").click();

  await hook(page, "habit-name").waitFor();
  await shot("setup-2-habit");
  await write("habit-name", habit);
  // The anchor may be folded away for a person in a hurry.
  if ((await hook(page, "habit-anchor").count()) > 0) await write("habit-anchor", setting("ANCHOR", "make coffee"));
  await hook(page, "habit-submit").click();

  // A button may come later, too.
  await hook(page, "first-button").waitFor();
  await shot("setup-3-button");
  await hook(page, "first-later").click();

  const item = hook(page, "today-item").filter({ hasText: habit }).first();
  await item.waitFor();
  const habitId = await item.getAttribute("data-habit-id");
  const done = await item.getAttribute("data-done");
  if (!habitId) throw new Trouble("today-item has no data-habit-id");
  if (done !== "false") throw new Trouble(`a new habit has data-done="${done}"`);
  await shot("setup-4-today");
  say("READY", { habit_id: habitId });

  if (setting("TAP", "1") === "0") return;
  await item.locator('[data-testid="today-complete"]').click();
  await hook(page, "today-item", `[data-habit-id="${habitId}"][data-done="true"]`).waitFor();
  const seconds = Math.round((performance.now() - begin) / 100) / 10;
  say("DONE", { habit_id: habitId, seconds });
  if (seconds >= LONGEST_S) throw new Trouble(`the first run took ${seconds} s`);
  await shot("setup-5-done");

  // A reload shows what the hub holds, and that the session outlives the page.
  await page.reload();
  await hook(page, "today-item", `[data-habit-id="${habitId}"][data-done="true"]`).waitFor();
  say("RELOADED", { habit_id: habitId });
});

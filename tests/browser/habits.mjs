/**
 * A habit's life in a browser: made, done in part, noted, left out, taken back, changed, looked at, rested, deleted.
 *
 *   EMAIL=ada@example.org PASSWORD=… HUB_URL=http://127.0.0.1:8420 [SHOTS=folder] node habits.mjs
 *
 * The hub is asked after each step: what the page says and what the hub holds are the same.
 */

import { api, hook, run, say, setting, token, Trouble, url } from "./hub.mjs";

const bearer = await token();
const ask = (path) => api("GET", path, { token: bearer });
const { date: today } = await ask("/api/today");
const before = (days) => new Date(Date.parse(`${today}T12:00:00Z`) - days * 86_400_000).toISOString().slice(0, 10);

/** Waits until the hub holds what is wished for. */
async function holds(what, look, wished) {
  let seen;
  for (let tries = 0; tries < 100; tries++) {
    seen = JSON.stringify(await look());
    if (seen === JSON.stringify(wished)) return say(what);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Trouble(`${what}: the hub holds ${seen}, not ${JSON.stringify(wished)}`);
}

await run({ width: 412, height: 915 }, async (page, shot) => {
  const go = (hash) => page.evaluate((to) => (location.hash = to), hash);
  const undo = () => page.locator(".toast-undo").click();
  await page.goto(`${url()}/`);
  await hook(page, "login-email").fill(setting("EMAIL"));
  await hook(page, "login-password").fill(setting("PASSWORD"));
  await hook(page, "login-submit").click();
  await page.locator(".tabs").waitFor();

  await go("#/habits");
  await hook(page, "habit-add").click();
  await hook(page, "habit-name").fill("watch the birds");
  await hook(page, "habit-anchor").fill("make coffee");
  await hook(page, "habit-submit").click();
  await hook(page, "habit-link").filter({ hasText: "Watch the birds" }).waitFor();
  const { id } = (await ask("/api/habits")).items.find((habit) => habit.name === "Watch the birds");
  const cell = async (date) => {
    const [{ type = null, percent = null, skip_reason = null, note = null } = {}] = (await ask(`/api/habits/${id}/days?from=${date}&to=${date}`)).items;
    return [type, percent, skip_reason, note];
  };
  say("MADE", { habit_id: id });

  await go("#/today");
  const item = hook(page, "today-item", `[data-habit-id="${id}"]`);
  const open = () => item.locator('[data-testid="today-more"]').click();
  await open();
  await shot("habits-1-sheet");
  await hook(page, "day-percent").fill("30");
  await hook(page, "day-part").click();
  await holds("PART", () => cell(today), ["PARTIAL", 30, null, null]);
  await undo();
  await holds("TAKEN_BACK", () => cell(today), [null, null, null, null]);
  await undo();
  await holds("PUT_BACK", () => cell(today), ["PARTIAL", 30, null, null]);
  await open();
  await hook(page, "day-note").fill("Two robins");
  await hook(page, "day-note-save").click();
  await holds("NOTE", () => cell(today), ["PARTIAL", 30, null, "Two robins"]);
  await open();
  await page.locator('[data-reason="NO_TIME"]').click();
  await holds("LEFT_OUT", () => cell(today), ["SKIPPED", null, "NO_TIME", "Two robins"]);

  await go(`#/habits/${id}`);
  await hook(page, "heatmap").waitFor();
  await shot("habits-2-page");
  await hook(page, "other-day").fill(before(3));
  await hook(page, "other-day").press("Enter");
  await hook(page, "day-full").click();
  await holds("PAST_DAY", () => cell(before(3)), ["FULL", null, null, null]);
  await hook(page, "habit-day", `[data-date="${before(3)}"]`).waitFor();

  await hook(page, "habit-edit").click();
  await hook(page, "edit-name").fill("Watch two birds");
  await hook(page, "habit-plan").selectOption("QUOTA");
  await shot("habits-3-edit");
  await hook(page, "edit-save").click();
  const columns = async () => {
    const { name, freq_num, freq_den, status } = await ask(`/api/habits/${id}`);
    return [name, freq_num, freq_den, status];
  };
  await holds("CHANGED", columns, ["Watch two birds", 3, 7, "ACTIVE"]);
  await hook(page, "heatmap").waitFor();

  await hook(page, "habit-edit").click();
  await hook(page, "edit-pause").click();
  await holds("RESTS", columns, ["Watch two birds", 3, 7, "PAUSED"]);
  await hook(page, "edit-resume").click();
  await holds("GOES_ON", columns, ["Watch two birds", 3, 7, "ACTIVE"]);

  await hook(page, "break-add").click();
  await hook(page, "break-from").fill(before(-10));
  await hook(page, "break-to").fill(before(-20));
  await hook(page, "break-submit").click();
  const breaks = async () => (await ask("/api/pauses")).items.filter((one) => one.habit_id === id && one.to_date === before(-20)).length;
  await holds("BREAK", breaks, 1);

  await hook(page, "edit-remove").click();
  await hook(page, "edit-remove-yes").click();
  await holds("DELETED", async () => (await ask("/api/habits")).items.some((habit) => habit.id === id), false);
});

/**
 * Routines in a browser: made by hand, put in order by pointer and by keyboard, run on two screens at once.
 *
 *   HUB_URL=http://127.0.0.1:8420 EMAIL=… PASSWORD=… [SHOTS=folder] node routines.mjs
 *
 * The person needs no habit before; four are made. Prints `{"step":"SHARED","ms":…}`: how long it took until a step that
 * was answered elsewhere stood on the screen.
 */

import { api, hook, run, say, setting, token, Trouble, url } from "./hub.mjs";

/** How long another screen may take to show what happened. */
const SOON_MS = 1_000;

const names = ["Open the window", "Stretch", "Make the bed", "Breathe"].map((name) => `${name} ${Date.now() % 1000}`);

const order = (page) => hook(page, "edit-step").locator(".name").allInnerTexts();

function expectOrder(told, wanted) {
  if (told.join() !== wanted.map((i) => names[i]).join()) throw new Trouble(`the order is ${told.join()}`);
}

async function make(page) {
  await page.goto(`${url()}/#/routines/new`);
  await hook(page, "routine-name").fill("A test morning");
  for (const name of names) await hook(page, "routine-add-step").selectOption({ label: name });
  expectOrder(await order(page), [0, 1, 2, 3]);

  await hook(page, "step-grip").nth(0).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  expectOrder(await order(page), [1, 2, 0, 3]);
  await hook(page, "step-up").nth(3).click();
  expectOrder(await order(page), [1, 2, 3, 0]);

  const from = await hook(page, "step-grip").nth(3).boundingBox();
  const to = await hook(page, "step-grip").nth(0).boundingBox();
  await page.mouse.move(from.x + 24, from.y + 24);
  await page.mouse.down();
  await page.mouse.move(to.x + 24, to.y + 10, { steps: 12 });
  await page.mouse.up();
  expectOrder(await order(page), [0, 1, 2, 3]);

  await hook(page, "way-add").click();
  await hook(page, "way-name").fill("Short");
  await hook(page, "routine-save").click();
  await hook(page, "routine").filter({ hasText: "A test morning" }).waitFor();
}

await run({ width: 412, height: 915 }, async (page, shot) => {
  const bearer = await token();
  for (const name of names) await api("POST", "/api/habits", { token: bearer, body: { name } });
  await page.goto(`${url()}/`);
  await hook(page, "login-email").fill(setting("EMAIL"));
  await hook(page, "login-password").fill(setting("PASSWORD"));
  await hook(page, "login-submit").click();
  await hook(page, "today-item").first().waitFor();

  await make(page);
  await shot("routines-1-list");
  await hook(page, "routine").filter({ hasText: "A test morning" }).locator('[data-testid="routine-start"]').click();
  await hook(page, "run").waitFor();
  await shot("routines-2-run");

  const { run: going } = await api("GET", "/api/routines/current", { token: bearer });
  const begin = Date.now();
  const shown = page.locator('[data-testid="run"][data-step="1"]').waitFor();
  await api("POST", `/api/routines/runs/${going.id}/step`, { token: bearer, body: { result: "done" } });
  await shown;
  const ms = Date.now() - begin;
  say("SHARED", { ms });
  if (ms > SOON_MS) throw new Trouble(`a step that was answered elsewhere took ${ms} ms`);
  await api("POST", `/api/routines/runs/${going.id}/pause`, { token: bearer });
  await hook(page, "run-resume").click();

  await hook(page, "run-skip").click();
  await page.locator('[data-testid="run"][data-step="2"]').waitFor();
  await hook(page, "run-done").click();
  await page.locator('[data-testid="run"][data-step="3"]').waitFor();
  await hook(page, "run-done").click();
  await hook(page, "run-summary").waitFor();
  await shot("routines-3-summary");
  const doneNow = async () => {
    const { items } = await api("GET", "/api/today", { token: bearer });
    return names.map((name) => items.find((item) => item.name === name)?.type ?? null).join();
  };
  if ((await doneNow()) !== "FULL,SKIPPED,FULL,FULL") throw new Trouble(`after finishing the day says ${await doneNow()}`);
  await hook(page, "run-undo").click();
  await hook(page, "run-undo").waitFor({ state: "detached" });
  if ((await doneNow()) !== ",,,") throw new Trouble(`after taking it back the day says ${await doneNow()}`);

  await page.goto(`${url()}/#/routines`);
  await hook(page, "routine").filter({ hasText: "A test morning" }).locator('[data-testid="routine-edit"]').click();
  await hook(page, "routine-delete").click();
  await hook(page, "routine-delete-yes").click();
  await hook(page, "routine").filter({ hasText: "A test morning" }).waitFor({ state: "detached" });
});

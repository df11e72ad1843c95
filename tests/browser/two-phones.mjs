/**
 * Two phones of one person, offline, say different things about one habit: both are kept, and the one that lost can be had back
 * on either. Somebody else's phone sees nothing of it; nor do they in the other tab of a browser in which the first signs out.
 *
 *   EMAIL=… PASSWORD=… HABIT_ID=… OTHER_EMAIL=… OTHER_PASSWORD=… HUB_URL=http://127.0.0.1:8420 [SHOTS=folder] node two-phones.mjs
 *
 * OTHER_EMAIL is a second account, without habits. Also read: CHROMIUM, TIMEOUT_MS.
 */

import { api, hook, patience, run, say, setting, token, Trouble, url } from "./hub.mjs";
import { item as itemOf, signIn, state } from "./phone.mjs";

const habit = setting("HABIT_ID");
const item = (page, done) => itemOf(page, habit, done);

async function enter(page, email, password) {
  await page.goto(`${url()}/`);
  await signIn(page, email, password);
  await state(page, "synced");
}

/** Calls the habit otherwise, on its own page. */
async function rename(page, name) {
  await page.goto(`${url()}/#/habits/${habit}/edit`);
  await hook(page, "edit-name").fill(name);
  await hook(page, "edit-save").click();
  await state(page, "pending");
}

/** Waits until a phone's day calls the habit so. */
async function named(page, name) {
  await page.goto(`${url()}/#/today`);
  await item(page).filter({ hasText: name }).waitFor();
}

await run({ width: 412, height: 915 }, async (one, shot, another) => {
  const two = await another();
  await enter(one, setting("EMAIL"));
  await enter(two, setting("EMAIL"));
  await item(one).waitFor();
  await item(two).waitFor();

  for (const page of [one, two]) await page.context().setOffline(true);
  await rename(one, "Green tea");
  await named(one, "Green tea");
  await item(one).locator('[data-testid="today-complete"]').click();
  await item(one, true).waitFor();
  await rename(two, "Black coffee");
  await named(two, "Black coffee");
  say("SAID");

  await one.context().setOffline(false);
  await state(one, "synced");
  await two.context().setOffline(false);
  await state(two, "synced");
  // The later word stands on both, and the deed with it.
  await named(one, "Black coffee");
  await item(two, true).waitFor();
  say("MERGED");

  for (const page of [one, two]) {
    await page.goto(`${url()}/#/account`);
    await hook(page, "conflict").filter({ hasText: "Green tea" }).waitFor();
  }
  await shot("two-phones-conflict");
  await hook(one, "conflict").filter({ hasText: "Green tea" }).locator('[data-testid="conflict-restore"]').click();
  await hook(two, "conflict").first().waitFor({ state: "detached" });
  await named(one, "Green tea");
  await named(two, "Green tea");
  say("RESTORED");

  // The same on both sides: what the hub has.
  const bearer = await token();
  const end = Date.now() + patience();
  for (;;) {
    const found = (await api("GET", `/api/habits/${habit}`, { token: bearer })).name;
    if (found === "Green tea") break;
    if (Date.now() > end) throw new Trouble(`the hub calls it ${found}`);
    await new Promise((done) => setTimeout(done, 100));
  }

  const third = await another();
  await enter(third, setting("OTHER_EMAIL"), setting("OTHER_PASSWORD"));
  await third.goto(`${url()}/#/habits`);
  await third.locator("#content").waitFor();
  await new Promise((done) => setTimeout(done, 1_000));
  const text = await third.locator("body").innerText();
  if (/Green tea|Black coffee/.test(text)) throw new Trouble("somebody else's habit is seen");
  say("PRIVATE");

  // Two tabs of one browser: who signs out in one takes their day along from the other, also when what was kept here goes.
  await one.goto(`${url()}/#/account`);
  const tab = await one.context().newPage();
  tab.on("pageerror", (error) => console.error(error.message));
  await tab.goto(`${url()}/`);
  await item(tab).waitFor();
  await item(tab).locator('[data-testid="today-complete"]').click();
  await tab.locator(".toast-undo").waitFor();
  // It is on the hub before anybody leaves: what is wiped while it waits is another story.
  const hers = await token();
  const stands = async () => (await api("GET", "/api/today", { token: hers })).items.find(({ habit_id }) => habit_id === habit)?.done;
  for (const end = Date.now() + patience(); (await stands()) !== false; ) {
    if (Date.now() > end) throw new Trouble("what was taken back did not come to the hub");
    await new Promise((done) => setTimeout(done, 50));
  }
  // The hub hears of the sign-out late.
  await one.route("**/api/auth/logout", async (route) => {
    await new Promise((done) => setTimeout(done, 2_000));
    await route.fulfill({ status: 204 });
  });
  await hook(one, "account-sign-out").click();
  if (await hook(one, "leave-keep").isChecked()) await hook(one, "leave-keep").uncheck();
  await hook(one, "leave-submit").click();
  await hook(tab, "login-email").waitFor();
  if ((await tab.locator(".toast").count()) > 0) throw new Trouble("what the person before did is still told");
  if ((await tab.locator(".hello [role=status]").count()) > 0) throw new Trouble("who signed out is asked to sign in again");
  await signIn(tab, setting("OTHER_EMAIL"), setting("OTHER_PASSWORD"));
  await tab.locator("#content .day").waitFor();
  const later = Date.now() + 3_000;
  while (Date.now() < later) {
    const seen = await tab.locator("body").innerText();
    if (/Green tea|Black coffee/.test(seen)) throw new Trouble("the next person sees the habits of who signed out in another tab");
    await new Promise((done) => setTimeout(done, 50));
  }
  await tab.locator("#content .day").waitFor();
  say("TABS");
});

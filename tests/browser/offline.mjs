/**
 * The phone's page without its hub: signs in, waits until everything is kept, taps while it is offline, opens again while it is
 * offline, in two tabs, and brings it all to the hub, once. Then signs out, leaving what waits, and leaving nothing.
 *
 *   EMAIL=… PASSWORD=… HABIT_ID=… OTHER_ID=… HUB_URL=http://127.0.0.1:8420 [SHOTS=folder] node offline.mjs
 *
 * Two habits that are due today and not done. Also read: CHROMIUM, TIMEOUT_MS.
 */

import { api, hook, run, say, setting, token, Trouble, url } from "./hub.mjs";
import { expectDeeds, item, kept, signIn, state, tap } from "./phone.mjs";

const habit = setting("HABIT_ID");
const other = setting("OTHER_ID");

const NOTE = "Only for me: the tulips were a gift";

/** What this browser keeps that has one of the words in it: in its databases, its caches, its small storage. */
function traces(page, words) {
  return page.evaluate(async (words) => {
    const found = [];
    const look = (where, text) => words.forEach((word) => text.includes(word) && found.push(`${where} has "${word}"`));
    const text = (value) =>
      value instanceof Uint8Array || value instanceof ArrayBuffer ? new TextDecoder().decode(value)
      : value && typeof value === "object" ? Object.values(value).map(text).join("\n")
      : String(value);
    const answer = (request) => new Promise((done, failed) => {
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    });
    for (const { name, version } of await indexedDB.databases()) {
      const db = await answer(indexedDB.open(name, version));
      for (const store of db.objectStoreNames) for (const value of await answer(db.transaction(store).objectStore(store).getAll())) look(name, text(value));
      db.close();
    }
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) look(request.url, await (await cache.match(request)).text());
    }
    look("localStorage", JSON.stringify({ ...localStorage }));
    look("sessionStorage", JSON.stringify({ ...sessionStorage }));
    return [...new Set(found)];
  }, words);
}

const databases = (page) => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));

await run({ width: 412, height: 915 }, async (page, shot) => {
  const context = page.context();
  await page.goto(`${url()}/`);
  await signIn(page);
  await item(page, habit, false).waitFor();
  await state(page, "synced");
  await kept(page);
  say("KEPT");

  await context.setOffline(true);
  await tap(page, habit);
  await item(page, habit, true).waitFor();
  await state(page, "pending");
  await shot("offline-1-pending");
  say("TAPPED");

  await page.reload();
  await item(page, habit, true).waitFor();
  await item(page, other, false).waitFor();
  await state(page, "pending");
  await shot("offline-2-again");
  say("RELOADED");

  // Both tabs have one database.
  const second = await context.newPage();
  second.on("pageerror", (error) => console.error(error.message));
  await second.goto(`${url()}/`);
  await item(second, habit, true).waitFor();
  await tap(second, other);
  await item(second, other, true).waitFor();
  await item(page, other, true).waitFor();
  say("SECOND");
  await page.bringToFront();
  // A slip of the finger never happened, as far as the day is concerned.
  await tap(page, other);
  await item(second, other, false).waitFor();
  await tap(page, other);
  await item(second, other, true).waitFor();
  await expectDeeds(habit, []);

  await context.setOffline(false);
  await state(page, "synced");
  await state(second, "synced");
  await expectDeeds(habit, ["full"]);
  await expectDeeds(other, ["full", "undo", "full"]);
  say("ARRIVED");

  // What others do is seen at once.
  await api("POST", `/api/habits/${habit}/undo`, { token: await token(), body: {} });
  await item(page, habit, false).waitFor();
  await item(second, habit, false).waitFor();
  await second.close();
  await tap(page, habit);
  await item(page, habit, true).waitFor();
  await expectDeeds(habit, ["full", "undo", "full"]);
  await shot("offline-3-synced");
  say("SEEN");

  // Who signs out with something on its way may leave it here, and it arrives when they are back.
  await context.setOffline(true);
  await tap(page, other);
  await item(page, other, false).waitFor();
  await page.goto(`${url()}/#/account`);
  await hook(page, "pending-item").waitFor();
  await hook(page, "account-sign-out").click();
  await hook(page, "leave-pending").waitFor();
  if (!(await hook(page, "leave-keep").isChecked())) throw new Trouble("what waits would be thrown away without a word");
  await hook(page, "leave-submit").click();
  await hook(page, "login-email").waitFor();
  await page.goto(`${url()}/#/today`);
  await context.setOffline(false);
  // The hub was away when they signed out: it hears of it now, and does not sign them in again.
  await page.reload();
  await signIn(page);
  await expectDeeds(other, ["full", "undo", "full", "undo"]);
  await item(page, other, false).waitFor();
  await state(page, "synced");
  say("BACK");

  // On a device of others nothing stays: not in a database, not in a cache, and not while a second tab looks on.
  const { items } = await api("GET", "/api/habits", { token: await token() });
  const names = items.map(({ name }) => name);
  await item(page, habit).locator('[data-testid="today-more"]').click();
  await hook(page, "day-note").fill(NOTE);
  await hook(page, "day-note-save").click();
  await hook(page, "day-sheet").waitFor({ state: "detached" });
  await state(page, "synced");
  const words = [...names, NOTE, setting("EMAIL")];
  const before = await traces(page, words);
  for (const word of words) if (!before.some((found) => found.includes(word))) throw new Trouble(`"${word}" was never here: ${before.join("; ")}`);
  const third = await context.newPage();
  third.on("pageerror", (error) => console.error(error.message));
  await third.goto(`${url()}/#/more`);
  await item(third, habit).or(third.locator("kairos-more")).first().waitFor();
  await third.locator("kairos-more").evaluate((more) => (more.dataset.of = "before"));
  // This browser is a mirror, too.
  const wall = await context.newPage();
  wall.on("pageerror", (error) => console.error(error.message));
  await wall.goto(`${url()}/mirror`);
  const code = (await hook(wall, "mirror-code").innerText()).replace(/\s+/g, "");
  await api("POST", `/api/displays/${code}/approve`, { token: await token(), body: { show: ["me"], act_as: "me" } });
  await hook(wall, "mirror-item").first().waitFor();
  await page.bringToFront();
  await page.goto(`${url()}/#/account`);
  await hook(page, "account-sign-out").click();
  if (await hook(page, "leave-mirror").isChecked()) throw new Trouble("the mirror would stay without a word");
  await shot("offline-4-leave");
  await hook(page, "leave-submit").click();
  await hook(page, "login-email").waitFor();
  await hook(wall, "mirror-code").waitFor();
  await wall.reload();
  await hook(wall, "mirror-code").waitFor();
  await wall.close();
  await hook(third, "login-email").waitFor();
  const after = [...(await traces(page, words)), ...(await databases(page))];
  if (after.length > 0) throw new Trouble(`after the wipe there is still: ${after.join("; ")}`);
  // Whoever is next begins with a day of their own, in each tab.
  for (const tab of [page, third]) {
    const hash = await tab.evaluate(() => location.hash);
    if (hash !== "#/today") throw new Trouble(`the next person would begin at ${hash}`);
  }
  await context.setOffline(true);
  await page.reload();
  await page.locator("kairos-app main").waitFor();
  if ((await hook(page, "today-item").count()) > 0) throw new Trouble("a day is shown to whoever comes");
  await context.setOffline(false);
  say("CLEAN");

  // The device can be used again: the database is made anew.
  await page.reload();
  await signIn(page);
  await item(page, habit).waitFor();
  await state(page, "synced");
  await signIn(third);
  await third.goto(`${url()}/#/more`);
  await third.locator("kairos-more").waitFor();
  if ((await third.locator("[data-of]").count()) > 0) throw new Trouble("the next person sees the page of the one before");
  await state(third, "synced");
  // A tab behind another is drawn once a second, and a click waits until nothing moves.
  await third.close();
  say("AGAIN");

  // Each tap of a quick finger counts, and each can be taken back; the latest also after the page has forgotten it.
  const glasses = { name: "Glasses", kind: "measurable", target_value: 40, step: 2.5 };
  const { id } = await api("POST", "/api/habits", { token: await token(), body: glasses });
  const step = (name) => item(page, id).locator(".steps .round").nth(name === "less" ? 0 : -1);
  const ten = (name) => step(name).evaluate((button) => Array.from({ length: 10 }, () => button.click()));
  const amounts = (text) => item(page, id).locator(".line", { hasText: text }).waitFor();
  await step("more").waitFor();
  await ten("more");
  await amounts("25");
  await expectDeeds(id, Array(10).fill("add"));
  await step("less").evaluate((button) => [1, 2, 3, 4].forEach(() => button.click()));
  await amounts("15");
  const last = async () => {
    await item(page, id).locator('[data-testid="today-more"]').click();
    return hook(page, "day-undo");
  };
  await last();
  await hook(page, "day-amount").fill("12");
  await hook(page, "day-add").click();
  await amounts("27");
  await state(page, "synced");
  await page.reload();
  await amounts("27");
  await state(page, "synced");
  await (await last()).click();
  await amounts("15");
  await context.setOffline(true);
  // It is a tap that finds the hub away.
  await tap(page, other);
  await item(page, other, true).waitFor();
  await tap(page, other);
  await item(page, other, false).waitFor();
  await state(page, "pending");
  const less = await last();
  if (!(await less.innerText()).includes("2.5")) throw new Trouble(`without the hub a step would go as "${await less.innerText()}"`);
  await shot("offline-5-less");
  await less.click();
  await amounts("12.5");
  await context.setOffline(false);
  await state(page, "synced");
  say("COUNTED");

  // A day of the past is on the phone, too: without the hub it says what stands on it, and nothing there is written over.
  const { date: today } = await api("GET", "/api/today", { token: await token() });
  const ago = (days) => new Date(Date.parse(`${today}T12:00:00Z`) - days * 86_400_000).toISOString().slice(0, 10);
  const wanted = { name: "Cups", kind: "measurable", target_value: 8, start_date: ago(5) };
  const cups = (await api("POST", "/api/habits", { token: await token(), body: wanted })).id;
  await api("POST", `/api/habits/${cups}/complete`, { token: await token(), body: { date: ago(1), set: 12 } });
  // More is asked for since: a day is measured by what was asked for then.
  await api("PATCH", `/api/habits/${cups}`, { token: await token(), body: { target_value: 20 } });
  await item(page, cups).waitFor();
  await state(page, "synced");
  await page.goto(`${url()}/#/habits/${cups}`);
  const square = page.locator(`[data-testid="habit-day"][data-date="${ago(1)}"]`);
  await square.filter({ hasText: "12" }).waitFor();
  await context.setOffline(true);
  await page.reload();
  await square.click();
  await hook(page, "day-line").filter({ hasText: "12 of 8" }).waitFor();
  await hook(page, "day-note").waitFor();
  if ((await hook(page, "day-full").count()) > 0) throw new Trouble("what stands on a day would be written over by less");
  await shot("offline-6-past");
  await hook(page, "day-note").fill("It was hot");
  await hook(page, "day-note-save").click();
  await hook(page, "day-sheet").waitFor({ state: "detached" });
  await square.click();
  await hook(page, "day-amount").fill("2");
  await hook(page, "day-add").click();
  await square.filter({ hasText: "14" }).waitFor();
  await context.setOffline(false);
  await state(page, "synced");
  const { items: [held] } = await api("GET", `/api/habits/${cups}/days?from=${ago(1)}&to=${ago(1)}`, { token: await token() });
  if (held.value !== 14 || held.note !== "It was hot") throw new Trouble(`the hub holds ${JSON.stringify(held)}`);
  say("PAST");
});

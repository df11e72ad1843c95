/**
 * Every screen there is, from a new hub on: fills it with a small day and a past, looks at each screen in light and dark, asks axe
 * about it (WCAG 2.2 A and AA), and sees that nothing is wider than the phone. The pictures of the documentation are made of it.
 *
 *   SETUP_CODE=… HUB_URL=http://127.0.0.1:8420 [SHOTS=../../docs/screens] node screens.mjs
 *
 * Also read: CHROMIUM, TIMEOUT_MS, HTTPS_HOST, BROWSER_LOCALE=de-DE.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import axe from "axe-core";

import { api, hook, run, say, setting, Trouble, url } from "./hub.mjs";
import { foreign, leaving, linked, server } from "./screens-server.mjs";

/** A name that only this browser knows: in plain http such a page is not trusted with keeping anything. */
const PLAIN = "kairos.local";
process.env.HOST_RULES = `MAP ${PLAIN} 127.0.0.1`;
const plainly = `${PLAIN}:${new URL(url()).port}`;
process.env.ALSO_HOME = [plainly, process.env.HTTPS_HOST?.replace(/.*:/, `${PLAIN}:`)].join();
process.env.API_URL ??= url();

const PHONE = { width: 412, height: 915 };
const SMALL = { width: 320, height: 640 };
const ADA = { email: "ada@example.org", password: "correct horse battery staple", display_name: "Ada" };
const GRACE = { email: "grace@example.org", password: "another long password" };
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const found = new Set();

/** What axe finds that hinders somebody, in a sentence each. */
async function faults(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(`${axe.source};0`);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 120)).join(" | ")}`);
}

/** A small picture: a page of text is a fifth as large in WebP. */
async function picture(page, name) {
  if (!process.env.SHOTS) return;
  page.cdp ??= await page.context().newCDPSession(page);
  const { data } = await page.cdp.send("Page.captureScreenshot", { format: "webp", quality: 82 });
  await mkdir(process.env.SHOTS, { recursive: true });
  await writeFile(join(process.env.SHOTS, `${name}.webp`), Buffer.from(data, "base64"));
}

/** Colours and figures on their way from one to the other are neither. */
const still = (page) => page.evaluate(async () => {
  for (let frame = 0; frame < 2; frame++) {
    for (const animation of document.getAnimations()) {
      try {
        animation.finish();
      } catch {
        animation.cancel();
      }
    }
    await new Promise((drawn) => setTimeout(drawn, 30));
  }
});

/** Looks at what is on the screen now: in light and in dark, where there are both. */
async function look(page, name, schemes = ["light", "dark"]) {
  // Nothing is under a finger, and nobody came by keyboard.
  await page.mouse.move(1, 1);
  await page.evaluate(() => document.activeElement?.matches("h1, h2, h3") && document.activeElement.blur());
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await still(page);
    const as = colorScheme === "dark" && schemes.length > 1 ? `${name}-dark` : name;
    await picture(page, as);
    for (const fault of await faults(page)) found.add(`${as}: ${fault}`);
  }
  await fits(page, name);
  say("LOOKED", { name });
}

/** Nobody has to move a page to the side; a wall moves by itself, by some pixels. */
async function fits(page, name) {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.querySelector(".wall") ? Infinity : innerWidth]);
  if (wide > room) found.add(`${name}: ${wide} pixels wide on a screen of ${room}`);
}

/** Knows what a page has asked and not yet been told, so that nobody waits longer than it takes; some things are never told. */
function watchful(page) {
  page.asked = new Set();
  page.on("request", (request) => {
    page.asked.add(request);
    setTimeout(() => page.asked.delete(request), 1_500).unref();
  });
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => page.asked.delete(request));
}

/** Waits until all that was asked is answered, and drawn. */
async function settled(page) {
  for (let quiet = 0, turns = 0; quiet < 3 && turns < 100; turns++) {
    await wait(40);
    quiet = page.asked.size === 0 ? quiet + 1 : 0;
  }
}

/** Turns to a page of the app, without loading all of it anew. */
async function turn(page, hash, seen) {
  await page.evaluate((hash) => (location.hash = hash), hash);
  await wait(20);
  if (seen) await hook(page, seen).first().waitFor();
  else await page.locator("#content h1").first().waitFor();
  await settled(page);
}

async function visit(page, name, hash, seen) {
  await turn(page, hash, seen);
  await look(page, name);
}

async function signIn(page, home, { email, password } = ADA) {
  await page.goto(`${home}/`);
  await hook(page, "login-email").fill(email);
  await hook(page, "login-password").fill(password);
  await hook(page, "login-submit").click();
  await hook(page, "today-item").first().waitFor();
}

/** Waits for what the hub works out by itself. */
async function until(what, job) {
  for (let turns = 0; turns < 100; turns++) {
    const answer = await job();
    if (answer) return answer;
    await wait(100);
  }
  throw new Trouble(`${what} did not come`);
}

/** The first run: the code, the account, the first habit, and a house in which there is nothing yet. */
async function begin(page) {
  await page.goto(`${url()}/`);
  await hook(page, "setup-code").waitFor();
  await look(page, "setup");
  await hook(page, "setup-code").fill(setting("SETUP_CODE"));
  await hook(page, "setup-name").fill(ADA.display_name);
  await hook(page, "setup-email").fill(ADA.email);
  await hook(page, "setup-password").fill(ADA.password);
  await hook(page, "setup-submit").click();
  await hook(page, "habit-name").waitFor();
  await look(page, "first-habit");
  await page.locator("kairos-habit-form ~ button").click();
  await page.locator("kairos-today .empty").waitFor();
  await hook(page, "sync-state", '[data-state="synced"]').first().waitFor();
  await visit(page, "today-empty", "#/today");
  await visit(page, "habits-empty", "#/habits");
  await visit(page, "routines-empty", "#/routines");
  await visit(page, "devices-empty", "#/devices");
  const { access_token } = await api("POST", "/api/auth/login", { body: { email: ADA.email, password: ADA.password } });
  say("phone: the first run");
  return access_token;
}

/** A small day, two months of most days, a routine, a button, a second person, and what two phones said of one thing. */
async function furnish(token) {
  const post = (path, body = {}) => api("POST", path, { token, body });
  const ids = [];
  const { date: today } = await api("GET", "/api/today", { token });
  const before = (days) => new Date(Date.parse(`${today}T12:00:00Z`) - days * 86_400_000).toISOString().slice(0, 10);
  const DAY = [
    { name: "Drink water", kind: "measurable", target_value: 8, unit: "glasses", anchor_behavior: "pass the kitchen" },
    { name: "Open the window", anchor_behavior: "get up", start_date: before(62) },
    { name: "Ten quiet minutes", anchor_behavior: "make coffee" },
    { name: "Go for a run", freq_num: 3, freq_den: 7, anchor_behavior: "come home" },
    { name: "Read a page", anchor_behavior: "get into bed" },
  ];
  for (const habit of DAY) ids.push((await post("/api/habits", habit)).id);
  for (let glass = 0; glass < 3; glass++) await post(`/api/habits/${ids[0]}/complete`);
  for (const done of [1, 2]) await post(`/api/habits/${ids[done]}/complete`);
  for (let day = 1; day < 60; day++) {
    if (day % 7 === 3) continue;
    await post(`/api/habits/${ids[1]}/${day % 11 === 5 ? "skip" : "complete"}`, { date: before(day) });
    if (day < 20) await post(`/api/habits/${ids[0]}/complete`, { date: before(day), set: (day * 5) % 11 });
  }
  const routine = await post("/api/routines", { name: "Morning" });
  await api("PUT", `/api/routines/${routine.id}/steps`, { token, body: { steps: ids.slice(1, 4).map((habit_id) => ({ habit_id })) } });
  const button = await post("/api/devices", { name: "Kitchen", kind: "button" });
  const bindings = [{ trigger: "press", button: "1", action: "add", habit_id: ids[0] }];
  await api("PUT", `/api/devices/${button.device_id}/bindings`, { token, body: { bindings } });
  await post("/api/users", { display_name: "Grace", ...GRACE });
  await post("/api/backups");
  const note = (note, previous) =>
    post("/api/data", { batch: [{ op: "PUT", table: "completions", id: crypto.randomUUID(), data: { habit_id: ids[2], date: today, note }, previous: { note: previous } }] });
  await note("In the garden, before it rained.", null);
  await note("On the balcony.", null);
  return { ids, routine, before };
}

/** The mirror, at a time of its own: at night it dims. */
async function wall(page, token, habit) {
  const at = async (hour, minute) => {
    await page.clock.setFixedTime(new Date(new Date().setHours(hour, minute, 0, 0)));
    // It hears of the hub at this time, too, or it says how old the day is.
    if ((await hook(page, "mirror-item").count()) > 0) for (const verb of ["complete", "undo"]) await api("POST", `/api/habits/${habit}/${verb}`, { token, body: {} });
    await page.clock.runFor(1100).catch(() => {});
    await wait(200);
  };
  const panel = async (name, width, height) => {
    await page.setViewportSize({ width, height });
    await look(page, name, ["dark"]);
  };
  await at(7, 42);
  await page.goto(`${url()}/mirror`);
  const shown = hook(page, "mirror-code");
  await shown.waitFor();
  await look(page, "mirror-code", ["dark"]);
  await panel("mirror-code-portrait", 1080, 1920);
  const code = (await shown.innerText()).replace(/\s+/g, "");
  await api("POST", `/api/displays/${code}/approve`, { token, body: { name: "Hall", show: ["me"], act_as: "me" } });
  // The fixed clock stops the page's timers too; moving it lets the page ask again.
  const item = hook(page, "mirror-item").first();
  await until("the mirror's day", async () => {
    await page.clock.runFor(1000).catch(() => {});
    return (await item.count()) > 0;
  });
  await panel("mirror", 1920, 1080);
  await panel("mirror-portrait", 1080, 1920);
  await panel("mirror-small", 480, 320);
  await page.setViewportSize({ width: 1920, height: 1080 });
  await at(23, 10);
  await panel("mirror-night", 1920, 1080);
  await at(7, 43);
  await item.locator("button").click();
  await hook(page, "mirror-undo").waitFor();
  await look(page, "mirror-undo", ["dark"]);
  await hook(page, "mirror-undo").click();
  say("mirror");
}

/** What lies on top of a page. */
async function dialogs(page) {
  await turn(page, "#/today", "today-item");
  await hook(page, "today-more").first().click();
  await page.locator("dialog[open]").waitFor();
  await settled(page);
  await look(page, "day-sheet");
  await page.keyboard.press("Escape");
  await page.locator("button.add").click();
  await hook(page, "habit-plan").selectOption("QUOTA");
  await page.locator("kairos-habit-form").evaluate((form) => form.scrollIntoView());
  await look(page, "add-habit");
  await turn(page, "#/admin/backups", "backup");
  await look(page, "admin-backups");
  await hook(page, "backup-restore").first().click();
  await page.locator("dialog[open]").waitFor();
  await look(page, "admin-restore");
  await page.keyboard.press("Escape");
  await turn(page, "#/admin/people", "person");
  await look(page, "admin-people");
  await hook(page, "person-add").click();
  await look(page, "admin-person-new");
  await hook(page, "person-name").fill("Edith");
  await hook(page, "person-email").fill("edith@example.org");
  await hook(page, "person-suggest").click();
  await hook(page, "person-submit").click();
  await hook(page, "person-welcome").waitFor();
  await settled(page);
  await look(page, "admin-person-welcome");
  await page.keyboard.press("Escape");
  await leaving(page, { turn, look });
  await turn(page, "#/tokens", "token-add");
  await hook(page, "token-add").click();
  await hook(page, "token-name").fill("Backup script");
  await hook(page, "token-submit").click();
  await hook(page, "token-fresh").waitFor();
  await settled(page);
  await look(page, "token-fresh");
  await page.keyboard.press("Escape");
  await turn(page, "#/tokens", "token");
  await look(page, "tokens");
}

/** A routine from its first step to its end. */
async function goThrough(page, token) {
  await turn(page, "#/routines", "routine");
  await hook(page, "routine-start").first().click();
  await hook(page, "run").waitFor();
  await settled(page);
  await look(page, "routine-run");
  const { run: going } = await api("GET", "/api/routines/current", { token });
  for (let step = 0; step < 3; step++) {
    await api("POST", `/api/routines/runs/${going.id}/step`, { token, body: { result: step === 2 ? "skip" : "done" } });
  }
  await hook(page, "run-finish").click();
  await hook(page, "run-summary").waitFor();
  await settled(page);
  await look(page, "routine-end");
}

/** The same phone, where its hub is not. */
async function away(page, habit) {
  await turn(page, "#/today", "today-item");
  await page.context().setOffline(true);
  await hook(page, "today-item", `[data-habit-id="${habit}"]`).locator('[data-testid="today-complete"]').click();
  await hook(page, "sync-state", '[data-state="pending"]').first().waitFor();
  await page.locator(".toast").first().waitFor();
  await look(page, "today-offline");
  await visit(page, "account-offline", "#/account", "pending-item");
  await visit(page, "habit-offline", `#/habits/${habit}`);
  await visit(page, "devices-offline", "#/devices");
  await turn(page, "#/account/sign-out", "leave-submit");
  await look(page, "sign-out-pending");
  await page.keyboard.press("Escape");
  await page.context().setOffline(false);
  await turn(page, "#/today", "today-item");
  await hook(page, "sync-state", '[data-state="synced"]').first().waitFor();
  say("phone: away");
}

/** A way back is offered for a habit that was there for weeks. */
async function offered(page, token, before) {
  await api("POST", "/api/habits", { token, body: { name: "Stretch", anchor_behavior: "brush my teeth", start_date: before(21) } });
  await until("the offer", async () => (await api("GET", "/api/recovery?status=PENDING", { token })).items.length > 0);
  // The page asks for offers whenever it opens.
  await turn(page, "#/habits");
  await turn(page, "#/today", "recovery");
  await look(page, "recovery");
  await hook(page, "recovery-open").click();
  await look(page, "recovery-ways");
  await hook(page, "recovery-later").click();
}

/** Words as long as they may be, on a phone as small as they come. */
async function narrow(page, token) {
  await api("POST", "/api/habits", { token, body: { name: "Rindfleischetikettierungsüberwachungsaufgaben".repeat(2), anchor_behavior: "a".repeat(200) } });
  await turn(page, "#/today", "today-item");
  await page.locator(".line", { hasText: "aaaa" }).first().waitFor();
  await fits(page, "today, long words");
  await page.setViewportSize(SMALL);
  for (const tab of ["today", "habits", "routines", "more", "account", "devices", "admin", "server"]) {
    await turn(page, `#/${tab}`);
    await fits(page, `${tab}, narrow`);
    if (tab === "today") await look(page, "today-narrow");
  }
}

/** Grace leaves for good. */
async function leaves(page) {
  const { access_token } = await api("POST", "/api/auth/login", { body: GRACE });
  await api("POST", "/api/habits", { token: access_token, body: { name: "Sketch", anchor_behavior: "come home" } });
  await signIn(page, url(), GRACE);
  await hook(page, "sync-state", '[data-state="synced"]').first().waitFor();
  await visit(page, "account-delete", "#/account/delete", "delete-password");
  await hook(page, "delete-submit").scrollIntoViewIfNeeded();
  await look(page, "account-delete-end");
  for (const password of ["not her password", GRACE.password]) {
    await hook(page, "delete-password").fill(password);
    await hook(page, "delete-submit").click();
    await page.locator("dialog[open]").waitFor();
    if (password === GRACE.password) await look(page, "account-delete-ask");
    await hook(page, "delete-yes").click();
    if (password !== GRACE.password) await hook(page, "delete-problem").filter({ hasText: /\S/ }).waitFor();
  }
  await hook(page, "farewell").waitFor();
  await settled(page);
  await look(page, "account-deleted");
  await until("a phone with nothing of hers", () => page.evaluate(async () => (await indexedDB.databases()).length === 0 && !localStorage.getItem("kairos.me")));
  say("phone: somebody left");
}

/** A phone that does not trust the hub, and one that is not answered. */
async function plain(page, habit) {
  const home = `http://${plainly}`;
  await page.goto(`${home}/trust`);
  await hook(page, "trust-get").waitFor();
  await settled(page);
  await look(page, "trust");
  await signIn(page, home);
  await visit(page, "account-plain", "#/account", "account-trust");
  await foreign(page, habit, { turn, look });
  await page.route("**/api/**", (route) => route.abort());
  await page.goto(`${home}/`);
  await page.locator("main.gate.center").waitFor();
  await look(page, "away");
  say("phone: plain");
}

await run(PHONE, async (page, _shot, another) => {
  const panel = await another();
  watchful(page);
  await panel.setViewportSize({ width: 1920, height: 1080 });
  await panel.goto(`${url()}/mirror`);
  await panel.locator(".wall-pair p").waitFor();
  await wait(300);
  await look(panel, "mirror-new", ["dark"]);

  const token = await begin(page);
  const { ids, routine, before } = await furnish(token);
  await wall(panel, token, ids[4]);
  await panel.close();

  await visit(page, "today", "#/today", "today-item");
  await visit(page, "habits", "#/habits");
  await visit(page, "habit", `#/habits/${ids[1]}`, "heatmap");
  await visit(page, "habit-edit", `#/habits/${ids[3]}/edit`);
  await visit(page, "routines", "#/routines", "routine");
  await visit(page, "routine-edit", `#/routines/${routine.id}`);
  await visit(page, "routine-new", "#/routines/new", "routine-name");
  await visit(page, "more", "#/more", "more-way");
  await visit(page, "conflicts", "#/account", "conflict");
  for (const { id } of (await api("GET", "/api/conflicts", { token })).items) await api("DELETE", `/api/conflicts/${id}`, { token });
  await hook(page, "conflict").first().waitFor({ state: "detached" });
  await visit(page, "account", "#/account");
  await linked(page, { turn, look });
  await visit(page, "account-delete-last", "#/account/delete", "delete-last");
  await visit(page, "devices", "#/devices");
  await visit(page, "transfer", "#/transfer");
  await visit(page, "admin", "#/admin", "admin-way");
  await visit(page, "admin-health", "#/admin/health", "health-part");
  await server(page, { turn, look });
  say("phone: the server");
  await dialogs(page);
  await goThrough(page, token);
  await away(page, ids[4]);
  await page.setViewportSize({ width: 1280, height: 800 });
  await visit(page, "today-wide", "#/today", "today-item");
  await page.setViewportSize(PHONE);
  await offered(page, token, before);
  await page.setViewportSize({ width: 208, height: 248 });
  await page.evaluate(() => (location.hash = "#/watch"));
  await hook(page, "watch-item").first().waitFor();
  await look(page, "watch");
  await page.setViewportSize(PHONE);
  await narrow(page, token);
  await page.setViewportSize(PHONE);
  await turn(page, "#/account/sign-out", "leave-submit");
  await look(page, "sign-out");
  await hook(page, "leave-submit").click();
  await hook(page, "login-email").waitFor();
  await settled(page);
  await look(page, "sign-in");
  await leaves(page);
  await plain(page, ids[1]);
  if (found.size > 0) throw new Trouble([...found].join("\n"));
});

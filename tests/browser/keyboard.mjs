/**
 * The main ways through the app by keyboard alone: first run, first habit, done and taken back, a day's sheet, More, account,
 * a button added and removed, a habit changed, a server connected and let go, leaving for good looked at, signed out and in again.
 *
 *   SETUP_CODE=… HUB_URL=http://127.0.0.1:8420 HTTPS_HOST=127.0.0.1:8443 [SHOTS=folder] node keyboard.mjs
 *
 * After each key that does something the focus is still on the page and not on all of it, where a person sees it: drawn round,
 * and not hidden beneath something else. All that is amiss is listed at the end. Also read: CHROMIUM, TIMEOUT_MS.
 */

import { api, hook, run, say, setting, Trouble, url } from "./hub.mjs";
import { at as stands, PREVIEW, say as answer } from "./screens-server.mjs";

const EMAIL = "ada@example.org";
const PASSWORD = "correct horse battery staple";
/** More Tabs than any page has stops. */
const MOST = 120;
/** What follows an action has begun by then, and what waits for the hub's answer is over. */
const SETTLED_MS = 250;
const ANSWERED_MS = 3_000;

/** Runs in the page: what has the focus, and why a person would not see that; null: they do. */
function focus() {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return { name: "nothing", lost: true, fault: null };
  const name = at.dataset.testid ?? `${at.localName}${at.id ? `#${at.id}` : ""} “${(at.ariaLabel ?? at.textContent ?? "").trim().slice(0, 30)}”`;
  // A page that was turned is read from its top: its content has the focus, and nothing in particular.
  if (at.id === "content") return { name, lost: false, fault: null };
  const drawn = (element) => {
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && !/, 0\)$/.test(outlineColor);
  };
  // A box to tick may be drawn round by its label.
  if (!drawn(at) && !(at.closest("label") && drawn(at.closest("label")))) return { name, lost: false, fault: "nothing is drawn round it" };
  const box = at.getBoundingClientRect();
  const points = [0.1, 0.5, 0.9].flatMap((x) => [0.1, 0.5, 0.9].map((y) => [box.left + x * box.width, box.top + y * box.height]));
  const seen = points.some(([x, y]) => {
    const top = document.elementFromPoint(x, y);
    return top !== null && (at.contains(top) || top.contains(at));
  });
  return { name, lost: false, fault: seen ? null : "it lies beneath something else, or off the screen" };
}

await run({ width: 412, height: 915 }, async (page, shot) => {
  const faults = [];
  const key = (name) => page.keyboard.press(name);

  /** Where the focus is, after something was done. */
  async function keeps(after) {
    let at;
    for (const end = Date.now() + ANSWERED_MS; ; ) {
      await new Promise((done) => setTimeout(done, SETTLED_MS));
      at = await page.evaluate(focus);
      if (!at.lost || Date.now() > end) break;
    }
    if (at.lost) faults.push(`${after}: the focus is lost`);
    else if (at.fault) faults.push(`${after}: the focus is on ${at.name}, and ${at.fault}`);
    say("at", { after, focus: at.name });
  }

  const has = (selector) => page.evaluate((selector) => document.activeElement?.matches(selector) ?? false, selector);

  /** Goes there by Tab, and looks at each stop on the way. */
  async function reach(selector, way = "Tab") {
    for (let n = 0; n < MOST; n++) {
      if (await has(selector)) return;
      await key(way);
      const { name, fault } = await page.evaluate(focus);
      const said = `on the way to ${selector}: ${name}, and ${fault}`;
      if (fault && !faults.includes(said)) faults.push(said);
    }
    throw new Trouble(`Tab never comes to ${selector}; ${faults.join("; ")}`);
  }

  const test = (name, more = "") => `[data-testid="${name}"]${more}`;
  const to = (name, more = "") => reach(test(name, more));

  /** Presses a key where the focus is, and waits for what is to come of it. */
  async function does(what, name, comes) {
    await key(name);
    await comes();
    await keeps(what);
  }

  /** Writes into the field that the focus is on, in place of what is there. */
  async function write(text) {
    await key("Control+a");
    await page.keyboard.type(text);
  }

  const there = (name, more) => () => hook(page, name, more).first().waitFor();
  const closed = () => page.locator("dialog[open]").waitFor({ state: "detached" });

  // The first run.
  await page.goto(`${url()}/`);
  await there("setup-code")();
  await keeps("opening the page");
  for (const [name, text] of [["setup-code", setting("SETUP_CODE")], ["setup-name", "Ada"], ["setup-email", EMAIL], ["setup-password", PASSWORD]]) {
    await to(name);
    await write(text);
  }
  await to("setup-submit");
  await does("setting up", "Enter", there("habit-name"));
  if (!(await has(test("habit-name")))) faults.push("the first field of the first habit does not have the focus");
  await to("habit-name");
  await write("drink a glass of water");
  await to("habit-anchor");
  await write("make coffee");
  await to("habit-submit");
  await does("adding the first habit", "Enter", there("first-button"));
  await to("first-later");
  await does("leaving the first button for later", "Enter", there("today-item"));
  // From here on the page stands on its own database.
  await there("sync-state", '[data-state="synced"]')();

  // Done and taken back.
  const item = (more) => there("today-item", more);
  await to("today-complete");
  await does("completing", "Space", item('[data-done="true"]'));
  if (!(await has(test("today-complete")))) faults.push("completing moves the focus away from the habit");
  await reach(".toast-undo");
  await does("taking back by the line at the foot", "Enter", item('[data-done="false"]'));
  await to("today-complete");
  await does("completing again", "Enter", item('[data-done="true"]'));
  await to("today-complete");
  await does("taking back where it was done", "Enter", item('[data-done="false"]'));

  // A day's sheet: a note, a look and nothing, left out.
  await to("today-more");
  await does("opening the sheet", "Enter", there("day-note"));
  await to("day-note");
  await write("Two robins");
  await to("day-note-save");
  await does("saving a note", "Enter", closed);
  await to("today-more");
  await does("opening the sheet again", "Enter", there("day-note"));
  await does("closing the sheet", "Escape", closed);
  if (!(await has(test("today-more")))) faults.push("closing the sheet does not bring the focus back");
  await to("today-more");
  await does("opening the sheet once more", "Enter", there("day-skip"));
  await to("day-skip");
  await does("leaving it out", "Space", closed);
  await hook(page, "today-item").filter({ hasText: /resting today/ }).waitFor();
  await shot("keyboard-1-today");
  say("TODAY");

  // More, and the account.
  await reach('a[href="#/more"]');
  await does("opening More", "Enter", there("more-way"));
  await reach('a[data-testid="more-way"][href="#/account"]');
  await does("opening the account", "Enter", there("profile-save"));
  await to("profile-name");
  await write("Ada L.");
  await to("profile-save");
  await does("saving the profile", "Enter", () => page.locator(".toast", { hasText: "Saved" }).waitFor());
  await there("show_streaks")();
  await to("show_streaks");
  await does("ticking a box", "Space", there("show_streaks", ":checked"));
  await to("show_streaks");
  await does("ticking it off again", "Space", there("show_streaks", ":not(:checked)"));
  say("ACCOUNT");

  // A button comes and goes.
  await reach('a[href="#/more"]');
  await does("opening More again", "Enter", there("more-way"));
  await reach('a[data-testid="more-way"][href="#/devices"]');
  await does("opening the devices", "Enter", () => page.locator("button.add").first().waitFor());
  await reach("button.add");
  await does("asking for a button", "Enter", () => page.locator('form input[name="name"]').waitFor());
  await reach('form input[name="name"]');
  await write("Kitchen");
  await does("adding a button", "Enter", () => page.locator("dialog[open]").waitFor());
  await reach("dialog form button");
  await does("closing what the button needs to know", "Enter", closed);
  const device = page.locator(".device", { hasText: "Kitchen" });
  await device.waitFor();
  await reach(".device .round");
  await does("asking to remove a button", "Enter", () => page.locator("dialog[open]").waitFor());
  await reach("dialog button.primary");
  await does("removing a button", "Enter", () => device.waitFor({ state: "detached" }));
  say("DEVICES");

  // A habit is changed.
  await reach('a[href="#/habits"]');
  await does("opening the habits", "Enter", there("habit-link"));
  await to("habit-link");
  await does("opening a habit", "Enter", there("habit-edit"));
  await to("habit-edit");
  await does("opening it to change it", "Enter", there("edit-name"));
  await to("edit-name");
  await write("Drink tea");
  await to("edit-save");
  await does("saving the habit", "Enter", there("habit-edit"));
  await page.locator("h1", { hasText: "Drink tea" }).waitFor();
  await to("habit-edit");
  await does("opening it to delete it", "Enter", there("edit-remove"));
  await to("edit-remove");
  await does("asking to delete", "Enter", () => page.locator("dialog[open]").waitFor());
  await does("not deleting", "Escape", closed);
  if (!(await has(test("edit-remove")))) faults.push("not deleting does not bring the focus back");
  await shot("keyboard-2-edit");
  say("HABITS");

  // A server: an address that nobody answers at, then one that is there only as far as this page is told.
  const more = async (what, way, seen) => {
    await reach('a[href="#/more"]');
    await does(`opening More for ${what}`, "Enter", there("more-way"));
    await reach(`a[data-testid="more-way"][href="${way}"]`);
    await does(`opening ${what}`, "Enter", there(seen));
  };
  await more("the server", "#/server", "server-add");
  await to("server-add");
  await does("asking to connect", "Enter", there("server-address"));
  if (!(await has(test("server-address")))) faults.push("the address of the server does not have the focus");
  await reach(`${test("server-kind-database")}, ${test("server-kind-hub")}`, "Shift+Tab");
  await does("choosing a hub", "ArrowDown", there("server-code"));
  await does("choosing a database", "ArrowUp", there("server-password"));
  await to("server-address");
  await write("postgres://kairos:not a secret@127.0.0.1:9/kairos");
  await to("server-look");
  await does("looking where nobody answers", "Enter", there("server-trouble", '[data-result="not_found"]'));
  await to("server-close");
  await does("not connecting", "Enter", there("server-add"));
  await to("server-add");
  await does("asking to connect again", "Enter", there("server-address"));
  await to("server-address");
  await write("db.example.org/kairos");
  await answer(page, "**/api/upstream/test", { result: "reachable", message: "The server is there and lets this hub in." });
  await answer(page, "**/api/upstream/preview", PREVIEW);
  await to("server-look");
  await does("looking what would happen", "Enter", there("server-preview"));
  await to("server-change");
  await does("changing the address", "Enter", there("server-look"));
  await to("server-look");
  await does("looking once more", "Enter", there("server-preview"));
  await answer(page, "**/api/upstream", stands("synced", { message: "Synced", relay: true }));
  await answer(page, "**/api/sync/status", stands("synced", { message: "Synced", relay: true }));
  await answer(page, "**/api/sync/now", stands("synced", { message: "Synced", relay: true }), 202);
  await answer(page, "**/api/upstream/codes", { code: "K7MF-2QXD-9TPA-W4HJ", expires_at: Date.now() + 900_000, address: "https://hub.example.org" });
  await to("server-connect");
  await does("connecting", "Enter", there("server-disconnect"));
  await to("server-now");
  await does("trying now", "Enter", there("server-state", '[data-state="synced"]'));
  if (!(await has(test("server-now")))) faults.push("trying now moves the focus away");
  await to("code-make");
  await does("making a code", "Enter", there("house-code"));
  await to("code-copy");
  await does("copying the code", "Enter", there("code-copy"));
  if (!(await has(test("code-copy")))) faults.push("copying the code moves the focus away");
  await reach(test("server-disconnect"), "Shift+Tab");
  await does("asking to disconnect", "Enter", () => page.locator("dialog[open]").waitFor());
  await does("not disconnecting", "Escape", closed);
  if (!(await has(test("server-disconnect")))) faults.push("not disconnecting does not bring the focus back");
  await does("asking to disconnect again", "Enter", () => page.locator("dialog[open]").waitFor());
  await to("server-disconnect-yes");
  const none = { state: "not_configured", pending: 0, last_sync_at: null, message: "No server is connected; everything stays at home.", relay: false };
  await answer(page, "**/api/upstream", none);
  await answer(page, "**/api/sync/status", none);
  await does("disconnecting", "Enter", there("server-state", '[data-state="off"]'));
  await page.unrouteAll({ behavior: "wait" });
  await shot("keyboard-3-server");
  say("SERVER");

  // Leaving for good: a keeper who is alone stays; with another, the question is asked and not answered.
  await more("the account again", "#/account", "account-delete");
  await to("account-delete");
  await does("looking at leaving", "Enter", there("delete-last"));
  await reach(`${test("delete-last")} a`);
  const keeper = await api("POST", "/api/auth/login", { body: { email: EMAIL, password: PASSWORD } });
  await api("POST", "/api/users", { token: keeper.access_token, body: { email: "grace@example.org", password: PASSWORD, display_name: "Grace", role: "admin" } });
  await does("going to the people", "Enter", there("person-delete"));
  await to("person-delete");
  await does("asking to delete somebody", "Enter", () => page.locator("dialog[open]").waitFor());
  await does("deleting nobody", "Escape", closed);
  if (!(await has(test("person-delete")))) faults.push("deleting nobody does not bring the focus back");
  await more("the account once more", "#/account", "account-delete");
  await to("account-delete");
  await does("looking at leaving again", "Enter", there("delete-password"));
  await to("delete-password");
  await write("not the password");
  await to("delete-submit");
  await does("asking to leave", "Enter", () => page.locator("dialog[open]").waitFor());
  await to("delete-yes");
  await does("leaving with another password", "Enter", () => hook(page, "delete-problem").filter({ hasText: /\S/ }).waitFor());
  await shot("keyboard-4-leaving");
  say("LEAVING");

  // The end, and a new beginning.
  await reach('a[href="#/more"]');
  await does("opening More to sign out", "Enter", there("sign-out"));
  await to("sign-out");
  await does("asking to sign out", "Enter", there("leave-submit"));
  await to("leave-submit");
  await does("signing out", "Enter", there("login-email"));
  await to("login-email");
  await write(EMAIL);
  await to("login-password");
  await write(PASSWORD);
  await does("signing in", "Enter", there("sync-state", '[data-state="synced"]'));
  if ((await hook(page, "today-item").count()) === 0) faults.push(`signing in leads to ${await page.evaluate(() => location.hash)}, and not to the day`);
  say("SIGNED_IN");

  const { access_token } = await api("POST", "/api/auth/login", { body: { email: EMAIL, password: PASSWORD } });
  const { date, items } = await api("GET", "/api/today", { token: access_token });
  const [cell] = (await api("GET", `/api/habits/${items[0].habit_id}/days?from=${date}&to=${date}`, { token: access_token })).items;
  const told = [items[0].name, items[0].type, cell.note].join();
  if (told !== "Drink tea,SKIPPED,Two robins") faults.push(`the hub has ${told}`);
  if (faults.length > 0) throw new Trouble(faults.join("\n"));
});

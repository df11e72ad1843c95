/**
 * Makes the pictures of the documentation from a new hub: fills it with a small day and a past, looks at each screen in light
 * and dark, and asks axe about it (WCAG 2.2 A and AA).
 *
 *   SETUP_CODE=… HUB_URL=http://127.0.0.1:8420 [SHOTS=../../docs/screens] node screens.mjs
 */

import axe from "axe-core";

import { api, hook, run, say, setting, Trouble, url } from "./hub.mjs";

const DAY = [
  ["Drink water", { kind: "measurable", target_value: 8, unit: "glasses" }],
  ["Open the window", {}],
  ["Ten quiet minutes", {}],
  ["Water the plants", {}],
  ["Read a page", {}],
];

const setup = { setup_code: setting("SETUP_CODE"), email: "ada@example.org", password: "correct horse battery staple", display_name: "Ada" };
const { access_token: token } = await api("POST", "/api/setup", { body: setup });
const ids = [];
for (const [name, more] of DAY) ids.push((await api("POST", "/api/habits", { token, body: { name, ...more } })).id);
for (let glass = 0; glass < 3; glass++) await api("POST", `/api/habits/${ids[0]}/complete`, { token, body: {} });
for (const done of [1, 2]) await api("POST", `/api/habits/${ids[done]}/complete`, { token, body: {} });
// Two months of most days, so that there is something to look back on.
const { date: today } = await api("GET", "/api/today", { token });
const before = (days) => new Date(Date.parse(`${today}T12:00:00Z`) - days * 86_400_000).toISOString().slice(0, 10);
for (let day = 1; day < 60; day++) {
  if (day % 7 === 3) continue;
  await api("POST", `/api/habits/${ids[1]}/${day % 11 === 5 ? "skip" : "complete"}`, { token, body: { date: before(day) } });
  if (day < 20) await api("POST", `/api/habits/${ids[0]}/complete`, { token, body: { date: before(day), set: (day * 5) % 11 } });
}
const routine = await api("POST", "/api/routines", { token, body: { name: "Morning" } });
const steps = ids.slice(1, 4).map((habit_id) => ({ habit_id }));
await api("PUT", `/api/routines/${routine.id}/steps`, { token, body: { steps } });
const button = await api("POST", "/api/devices", { token, body: { name: "Kitchen", kind: "button" } });
const bindings = [{ trigger: "press", button: "1", action: "add", habit_id: ids[0] }];
await api("PUT", `/api/devices/${button.device_id}/bindings`, { token, body: { bindings } });

/** A morning, whatever time it is: at night a mirror dims. */
const morning = (page) => page.clock.setFixedTime(new Date(new Date().setHours(7, 42, 0, 0)));

await run({ width: 1920, height: 1080 }, async (page, shot) => {
  await morning(page);
  await page.goto(`${url()}/mirror`);
  const shown = hook(page, "mirror-code");
  await shown.waitFor();
  const code = (await shown.innerText()).replace(/\s+/g, "");
  await shot("mirror-code");
  await api("POST", `/api/displays/${code}/approve`, { token, body: { name: "Hall", show: ["me"], act_as: "me" } });
  // The fixed clock stops the page's timers too; moving it lets the page ask again.
  const item = hook(page, "mirror-item").first();
  for (let second = 0; second < 60 && (await item.count()) === 0; second++) {
    await page.clock.runFor(1000).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  await item.waitFor();
  await shot("mirror");
  say("mirror");
});

/** Where to go, and what is there once the page is. */
const PAGES = [
  ["today", "#/today", "today-item"],
  ["habits", "#/habits"],
  ["habit", `#/habits/${ids[1]}`, "heatmap"],
  ["habit-edit", `#/habits/${ids[0]}/edit`],
  ["routines", "#/routines"],
  ["routine-edit", `#/routines/${routine.id}`],
  ["more", "#/more", "more-way"],
  ["account", "#/account"],
  ["devices", "#/devices"],
  ["transfer", "#/transfer"],
  ["admin", "#/admin"],
  ["tokens", "#/tokens"],
  ["watch", "#/watch"],
];

/** What axe finds that hinders somebody, in a sentence each. */
async function faults(page) {
  await page.evaluate(`${axe.source};0`);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 120)).join(" | ")}`);
}

const found = [];
await run({ width: 412, height: 915 }, async (page, shot) => {
  const look = async (name) => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // Colours on their way from one to the other are neither.
      await page.evaluate(() => document.getAnimations().forEach((animation) => {
        try {
          animation.finish();
        } catch {
          animation.cancel();
        }
      }));
      await shot(colorScheme === "dark" ? `${name}-dark` : name);
      for (const fault of await faults(page)) found.push(`${name} (${colorScheme}): ${fault}`);
    }
  };
  await page.goto(`${url()}/trust`);
  await hook(page, "trust-get").waitFor();
  await look("trust");
  await page.goto(`${url()}/`);
  await hook(page, "login-email").waitFor();
  await look("sign-in");
  await hook(page, "login-email").fill(setup.email);
  await hook(page, "login-password").fill(setup.password);
  await hook(page, "login-submit").click();
  await hook(page, "today-item").first().waitFor();
  await hook(page, "sync-state", '[data-state="synced"]').first().waitFor();
  for (const [name, hash, seen] of PAGES) {
    await page.goto(`${url()}/${hash}`);
    await (seen ? hook(page, seen).first() : page.locator("#content").first()).waitFor();
    // What it asks of the hub comes a moment later.
    await new Promise((done) => setTimeout(done, 800));
    await look(name);
  }
  await page.goto(`${url()}/#/today`);
  await hook(page, "today-more").first().click();
  await page.locator("dialog[open]").waitFor();
  await look("day-sheet");
  await hook(page, "day-close").first().click().catch(() => page.keyboard.press("Escape"));
  say("phone");
  if (found.length > 0) throw new Trouble([...new Set(found)].join("\n"));
});

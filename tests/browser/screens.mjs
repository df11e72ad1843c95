/**
 * Makes the pictures of the documentation from a new hub: fills it with a small day and looks at each screen.
 *
 *   SETUP_CODE=… HUB_URL=http://127.0.0.1:8420 SHOTS=../../docs/screens node screens.mjs
 */

import { api, hook, run, say, setting, url } from "./hub.mjs";

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

await run({ width: 412, height: 915 }, async (page, shot) => {
  await page.goto(`${url()}/`);
  await hook(page, "login-email").fill(setup.email);
  await hook(page, "login-password").fill(setup.password);
  await hook(page, "login-submit").click();
  await hook(page, "today-item").first().waitFor();
  await shot("today");
  await page.goto(`${url()}/#/devices`);
  await page.getByText("Kitchen").first().waitFor();
  await shot("devices");
  say("phone");
});

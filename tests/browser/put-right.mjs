/**
 * The hub's clock is put right by hours, which no phone took part in: the page, whose own clock says that its session is young,
 * goes on.
 *
 *   EMAIL=… PASSWORD=… HABIT_ID=… OTHER_ID=… TIME=2026-06-10T18:00:00Z HUB_URL=http://127.0.0.1:8420 node put-right.mjs
 *
 * Two habits that are due and not done; TIME is what the page's clock begins with. Prints WRONG, reads "right" once the hub's clock was put on, prints RIGHT.
 * Also read: AGENT, CHROMIUM, TIMEOUT_MS.
 */

import { api, hook, run, say, setting, token, told, Trouble, url } from "./hub.mjs";
import { expectDeeds, item, signIn, state, tap } from "./phone.mjs";

await run({ width: 412, height: 915 }, async (page) => {
  const [habit, other] = [setting("HABIT_ID"), setting("OTHER_ID")];
  await page.clock.install({ time: new Date(setting("TIME")) });
  await page.goto(`${url()}/`);
  await signIn(page);
  await item(page, habit, false).waitFor();
  await state(page, "synced");
  await tap(page, habit);
  await expectDeeds(habit, ["full"]);
  say("WRONG");

  await told("right");
  // By itself, before anybody touches it.
  const { id } = await api("POST", "/api/habits", { token: await token(), body: { name: "Said elsewhere" } });
  await item(page, id, false).waitFor();
  await tap(page, other);
  await item(page, other, true).waitFor();
  await state(page, "synced");
  await expectDeeds(other, ["full"]);
  if ((await hook(page, "login-email").count()) > 0) throw new Trouble("the person has to sign in again");
  say("RIGHT");
});

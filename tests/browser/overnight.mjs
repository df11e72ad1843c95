/**
 * The phone's page is left open over night and goes on in the morning as if nothing were; then somebody ends the person's
 * access, and what was not sent yet waits until they are back.
 *
 *   EMAIL=… PASSWORD=… HABIT_ID=… OTHER_ID=… EVENING=2026-06-10T20:00:00Z TZ=Europe/Berlin HUB_URL=http://127.0.0.1:8420 node overnight.mjs
 *
 * Two habits that are due each day and not done; the hub's clock stands at EVENING when it begins. Whoever started it moves
 * the hub's clock:
 *
 *   prints EVENING, reads "night"    the hub is away
 *   prints ASLEEP, reads "morning"   nine hours have passed for the page, and it is back with a clock that says so, too
 *   prints MORNING, reads "ended"    the person's sessions were ended
 *   prints AGAIN                     they signed in again, and what waited arrived
 *
 * Also read: AGENT, CHROMIUM, TIMEOUT_MS.
 */

import { api, hook, run, say, setting, token, told, Trouble, url } from "./hub.mjs";
import { deeds, expectDeeds, item, local, signIn, state, tap } from "./phone.mjs";

const habit = setting("HABIT_ID");
const other = setting("OTHER_ID");
const HOUR_MS = 3_600_000;
/** Longer than the hub's tokens live, the one for syncing and the one for everything else. */
const STALE_MS = HOUR_MS / 2;

async function mustBeIn(page, when) {
  if ((await hook(page, "login-email").count()) > 0) throw new Trouble(`${when} the person has to sign in again`);
}

await run({ width: 412, height: 915 }, async (page, shot) => {
  // The page's clock runs on from the evening, with all its timers.
  await page.clock.install({ time: new Date(setting("EVENING")) });
  await page.goto(`${url()}/`);
  await signIn(page);
  await item(page, habit, false).waitFor();
  await state(page, "synced");
  await tap(page, habit);
  await item(page, habit, true).waitFor();
  await expectDeeds(habit, ["full"]);
  const done = async () => (await local(page, "SELECT date FROM completions WHERE habit_id = ? ORDER BY date", [habit])).map((day) => day.date);
  const [date] = await done();
  say("EVENING", { date });

  await told("night");
  await page.clock.fastForward(9 * HOUR_MS);
  say("ASLEEP");

  await told("morning");
  await state(page, "synced");
  // A new day, and all is open again.
  await item(page, habit, false).waitFor();
  await tap(page, habit);
  await item(page, habit, true).waitFor();
  await expectDeeds(habit, ["full"]);
  const days = await done();
  if (days.length !== 2 || days[0] !== date) throw new Trouble(`the days are ${days}`);
  const bearer = await token();
  const { id } = await api("POST", "/api/habits", { token: bearer, body: { name: "Said elsewhere" } });
  await item(page, id, false).filter({ hasText: "Said elsewhere" }).waitFor();
  await mustBeIn(page, "in the morning");
  await shot("overnight-1-morning");

  await page.context().setOffline(true);
  await tap(page, other);
  await item(page, other, true).waitFor();
  await state(page, "pending");
  say("MORNING", { days });

  await told("ended");
  await page.context().setOffline(false);
  await page.getByText(/sign in again/i).first().waitFor();
  await shot("overnight-2-ended");
  // However long they wait: nobody goes on with a session that is over.
  await page.clock.fastForward(STALE_MS);
  await hook(page, "login-email").waitFor();
  if ((await deeds(other)).length > 0) throw new Trouble("what waited was taken without a session");
  await shot("overnight-3-sign-in");

  await signIn(page);
  await item(page, other, true).waitFor();
  await expectDeeds(other, ["full"]);
  await expectDeeds(habit, ["full"]);
  await state(page, "synced");
  say("AGAIN");
});

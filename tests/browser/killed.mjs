/**
 * A phone brings what was done without the hub, while the hub is killed again and again: in the end both have the same.
 *
 *   EMAIL=… PASSWORD=… HABITS=id,id,… COUNTED=id HUB_URL=http://127.0.0.1:8420 node killed.mjs
 *
 * HABITS are plain and open, COUNTED is counted and at nothing. Prints `{"step":"WAITING","events":n,"days":[ids]}` when all
 * of it waits in the page, and begins to send when it reads "go". Whoever kills the hub has it back at the same address.
 * Prints `{"step":"EQUAL","events":[ids],"days":[ids]}` once page and hub have each event once and the same days.
 * Also read: AGENT, CHROMIUM, TIMEOUT_MS.
 */

import { api, patience, run, say, setting, told, Trouble, token, url } from "./hub.mjs";
import { bringEvents, deeds, item, kept, local, signIn, state, tap } from "./phone.mjs";

const habits = setting("HABITS").split(",");
const counted = setting("COUNTED");
/** How many glasses go with each of them. */
const GLASSES = 3;
/** Every so many habits are done, taken back and done again. */
const WAVERS = 4;

const DAYS = "SELECT id FROM completions ORDER BY id";
const WAITING = "SELECT (SELECT count(*) FROM ps_crud) AS queue, (SELECT count(*) FROM ps_updated_rows) AS written";

async function until(what, ask) {
  for (const end = Date.now() + 3 * patience(); ; ) {
    const trouble = await ask();
    if (!trouble) return;
    if (Date.now() > end) throw new Trouble(`${what}: ${trouble}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** A habit and its events, in a line. */
const line = (id, events) => `${id}: ${events.map((event) => event.id).sort()}`;

await run({ width: 412, height: 915 }, async (page) => {
  const context = page.context();
  await page.goto(`${url()}/`);
  await signIn(page);
  await item(page, counted, false).waitFor();
  await state(page, "synced");
  await kept(page);

  await context.setOffline(true);
  let events = 0;
  let glasses = 0;
  const more = item(page, counted).locator(".steps button").last();
  for (const [n, id] of habits.entries()) {
    for (const done of n % WAVERS === 0 ? [true, false, true] : [true]) {
      await tap(page, id);
      await item(page, id, done).waitFor();
      events += 1;
    }
    // Done twice, a habit is done; a glass that arrives twice is one too many.
    for (let glass = 0; glass < GLASSES; glass++) {
      await more.click();
      glasses += 1;
      events += 1;
      await item(page, counted).filter({ hasText: new RegExp(`\\b${glasses}\\b`) }).waitFor();
    }
  }
  // Opened again without the hub, the page still has it all.
  await page.reload();
  await item(page, habits[0], true).waitFor();
  await state(page, "pending");
  const [{ queue }] = await local(page, WAITING);
  if (queue !== events) throw new Trouble(`${events} things were done, and ${queue} wait`);
  const days = (await local(page, DAYS)).map(({ id }) => id);
  say("WAITING", { events, days });

  // Sent, saved, and the answer lost with the hub: what is sent again is known there.
  let again = 0;
  page.on("response", async (response) => {
    if (new URL(response.url()).pathname !== "/api/data") return;
    const { results = [] } = await response.json().catch(() => ({}));
    again += results.filter(({ result }) => result === "duplicate").length;
  });
  await told("go");
  await context.setOffline(false);
  await until("what waits", async () => {
    const [{ queue, written }] = await local(page, WAITING);
    return queue + written > 0 && `${queue} to send, ${written} to come back`;
  });
  await state(page, "synced");

  const all = [...habits, counted];
  await bringEvents(page, all);
  const bearer = await token();
  const theirs = (await Promise.all(all.map(async (id) => line(id, await deeds(id, bearer))))).join("\n");
  let found;
  await until("the events", async () => {
    found = await local(page, "SELECT id, habit_id FROM completion_events ORDER BY id");
    const ours = all.map((id) => line(id, found.filter(({ habit_id }) => habit_id === id))).join("\n");
    return ours !== theirs && `the page has\n${ours}\nand the hub\n${theirs}`;
  });
  if (found.length !== events) throw new Trouble(`${events} things were done, and there are ${found.length} events`);
  const after = (await local(page, DAYS)).map(({ id }) => id);
  // The page made its days' ids itself, before the hub knew of them.
  if (after.join() !== days.join()) throw new Trouble(`the days were ${days}, and are ${after}`);
  const { items } = await api("GET", "/api/today", { token: bearer });
  const { value } = items.find(({ habit_id }) => habit_id === counted);
  if (value !== glasses) throw new Trouble(`of ${glasses} glasses the hub has ${value}`);
  say("AGAIN", { again });
  say("EQUAL", { events: found.map(({ id }) => id), days: after });
});

/**
 * Figures of the phone's page, with 100 habits and 10 000 days: warm start, from a tap to what is shown, from a change on the
 * hub to what is shown. Beside each stands a floor of the same run: what the browser or the hub alone takes.
 *
 *   EMAIL=… PASSWORD=… HUB_URL=http://127.0.0.1:8420 node figures.mjs
 *
 * A hub of its own, just set up: it is filled. A benchmark, not a test: it ends well whatever the figures are.
 */

import { randomUUID } from "node:crypto";
import { api, patience, run, say, token, url } from "./hub.mjs";
import { kept, signIn, state } from "./phone.mjs";

const HABITS = 100;
const DAYS = 100;
const TAPS = 40;
const STARTS = 9;

const at = (sorted, share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] * 10) / 10;
/** Median, the slow end, and how often it was measured; in milliseconds. */
const figures = (times) => {
  const sorted = [...times].sort((a, b) => a - b);
  return { p50: at(sorted, 0.5), p95: at(sorted, 0.95), of: sorted.length };
};
const ratio = (a, b) => Math.round((a.p50 / b.p50) * 100) / 100;

async function fill(bearer) {
  const { date: today } = await api("GET", "/api/today", { token: bearer });
  const back = (days) => new Date(Date.parse(today) - days * 86_400_000).toISOString().slice(0, 10);
  const habits = Array.from({ length: HABITS }, () => randomUUID());
  let number = 0;
  const send = (batch) =>
    api("POST", "/api/data", { token: bearer, body: { client_id: "figures", now: Date.now(), batch: batch.map((one) => ({ op_id: `${++number}`, ...one })) } });
  await send(habits.map((id, n) => ({
    op: "PUT",
    type: "habits",
    id,
    // One in ten has a quota: whether it is due takes its other days.
    data: { name: `Habit ${n}`, start_date: back(DAYS), ...(n % 10 === 0 ? { freq_num: 3, freq_den: 7 } : {}) },
  })));
  for (let day = 1; day <= DAYS; day += 5) {
    const batch = [];
    for (let ago = day; ago < day + 5; ago++) {
      const date = back(ago);
      for (const habit_id of habits) batch.push({ op: "PUT", type: "completions", id: randomUUID(), data: { habit_id, date, type: "FULL" } });
    }
    await send(batch);
  }
  return habits;
}

await run({ width: 412, height: 915 }, async (page) => {
  const bearer = await token();
  const habits = await fill(bearer);
  const due = (await api("GET", "/api/today", { token: bearer })).items.filter(({ due, done }) => due && !done).map(({ habit_id }) => habit_id);
  say("filled", { habits: habits.length, days: HABITS * DAYS, due: due.length });

  let begun = Date.now();
  await page.goto(`${url()}/`);
  await signIn(page);
  await page.locator('[data-testid="today-item"]').first().waitFor();
  say("sign-in to today, from the hub", { ms: Date.now() - begun });
  await state(page, "synced", { timeout: 6 * patience() });
  say("sign-in to everything on the phone", { ms: Date.now() - begun });
  await kept(page);

  // From a tap to the mark, in the page: no time of ours in between. The floor is the browser's own next frame.
  const taps = await page.evaluate(async ([ids]) => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const [shown, floor] = [[], []];
    for (const id of ids) {
      const found = document.querySelector(`[data-testid="today-item"][data-habit-id="${id}"]`);
      let from = performance.now();
      await frame();
      floor.push(performance.now() - from);
      from = performance.now();
      found.querySelector('[data-testid="today-complete"]').click();
      await new Promise((done) => {
        const seen = () => {
          const now = document.querySelector(`[data-testid="today-item"][data-habit-id="${id}"]`);
          if (now?.dataset.done !== "true") return;
          watcher.disconnect();
          done();
        };
        const watcher = new MutationObserver(seen);
        watcher.observe(document.body, { subtree: true, childList: true, attributes: true });
        seen();
      });
      shown.push(performance.now() - from);
      await new Promise((done) => setTimeout(done, 150));
    }
    return { shown, floor };
  }, [due.slice(0, TAPS)]);
  const [tap, frame] = [figures(taps.shown), figures(taps.floor)];
  say("tap to DOM", { ...tap, floor: { "a frame": frame }, "times the floor": ratio(tap, frame) });

  // From a request to the hub to the mark on the phone. The floor is the answer to the request.
  await state(page, "synced", { timeout: 6 * patience() });
  const [live, answer] = [[], []];
  for (const id of due.slice(TAPS, 2 * TAPS)) {
    // Seen by the page itself, at the machine's time, which is the script's too.
    const seen = page.evaluate((id) => new Promise((done) => {
      const look = () => {
        if (document.querySelector(`[data-testid="today-item"][data-habit-id="${id}"]`)?.dataset.done !== "true") return;
        watcher.disconnect();
        done(performance.timeOrigin + performance.now());
      };
      const watcher = new MutationObserver(look);
      watcher.observe(document.body, { subtree: true, childList: true, attributes: true });
      globalThis.watching = id;
    }), id);
    await page.waitForFunction((id) => globalThis.watching === id, id);
    const from = performance.timeOrigin + performance.now();
    await api("POST", `/api/habits/${id}/complete`, { token: bearer, body: {} });
    answer.push(performance.timeOrigin + performance.now() - from);
    live.push((await seen) - from);
  }
  const [change, request] = [figures(live), figures(answer)];
  say("a change on the hub to DOM", { ...change, floor: { "the request's answer": request }, "times the floor": ratio(change, request) });

  // A warm start: the page and its data are here. From the beginning of the navigation to the first habit, in the page: no time of
  // ours in between; beside it, how long it is for this script. The floor is a page of the hub that shows nothing of anybody.
  const [starts, outside, empty] = [[], [], []];
  await page.addInitScript(() => {
    const watcher = new MutationObserver(() => {
      if (!document.querySelector('[data-testid="today-item"]')) return;
      globalThis.begun = performance.now();
      watcher.disconnect();
    });
    watcher.observe(document, { childList: true, subtree: true });
  });
  for (let n = 0; n < STARTS; n++) {
    begun = performance.now();
    await page.goto(`${url()}/health`);
    empty.push(performance.now() - begun);
    begun = performance.now();
    await page.goto(`${url()}/`);
    await page.locator('[data-testid="today-item"]').first().waitFor();
    outside.push(performance.now() - begun);
    starts.push(await page.evaluate(() => globalThis.begun));
  }
  const [start, bare] = [figures(starts), figures(empty)];
  say("warm start to Today", { ...start, "seen by this script": figures(outside), floor: { "an empty page": bare }, "times the floor": ratio(start, bare) });
  const storage = await page.evaluate(() => navigator.storage.estimate());
  say("kept on the phone", { megabytes: Math.round(storage.usage / 1e5) / 10 });
});

/**
 * Weeks on a wall, in minutes: a mirror of the finished build with a hub made of memory (`../../web/dev/mock-hub.mjs`).
 *
 *   (cd ../../web && npm ci && npm run build) && [SHOTS=folder] node mirror-weeks.mjs
 *   PAGES=http://127.0.0.1:8420 node mirror-weeks.mjs      # the pages that this hub serves; ../../web has its packages
 *
 * The page's clock is moved on, day by day; meanwhile it hears 100 000 events and its connection breaks 200 times. It must
 * not reload, must show what is true, and must not grow: its heap after collection, DOM nodes and listeners are compared
 * with those after two warm-up days. Before that each promise of the wall is looked at: letters of 60 pixels, eight habits,
 * black, an undo, the age of its data, the dimmed night, the shifted picture.
 *
 * Also read: DIST (../../web/dist), DAYS (23, two of them warm-up), LEAK=1 (the page keeps a word about each thing it hears:
 * this must end badly), CHROMIUM, TIMEOUT_MS.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { api, hook, run, say, setting, Trouble } from "./hub.mjs";

const WEB = fileURLToPath(new URL("../../web/", import.meta.url));
const DAYS = Number(setting("DAYS", "23"));
const WARM_DAYS = 2;
const ROUNDS = 10;
const EVENTS = 480;
/** What a page may grow by for reasons of the browser's own and of this script's: some at first, and some each day. */
const HEAP_SLACK = 100_000 + 10_000 * (DAYS - WARM_DAYS);
const SLACK = 20;
const LEAK = process.env.LEAK === "1";
const LEAST_PX = 60;

/** The mirror's page and all it loads, as a hub serves them, in a folder of their own. */
async function pagesOf(hub) {
  const folder = await mkdtemp(join(tmpdir(), "kairos-mirror-"));
  await mkdir(join(folder, "assets"));
  const files = new Set(["mirror.html"]);
  // A set that is gone through while it grows.
  for (const name of files) {
    const answer = await fetch(`${hub}/${name === "mirror.html" ? "mirror" : name}`);
    if (!answer.ok) throw new Trouble(`${name} answered ${answer.status}`);
    const text = await answer.text();
    await writeFile(join(folder, name), text);
    for (const [file] of text.matchAll(/\b[a-z]+-[\w-]{8}\.(?:js|css)\b/g)) files.add(`assets/${file}`);
  }
  return folder;
}

const pages = process.env.PAGES ? await pagesOf(process.env.PAGES) : null;
const mock = spawn(process.execPath, ["dev/mock-hub.mjs", "--port", "0", "--dist", pages ?? setting("DIST", "dist")], { cwd: WEB, stdio: ["ignore", "pipe", "inherit"] });
const [line] = await Promise.race([once(mock.stdout, "data"), once(mock, "exit").then(() => ["no hub"])]);
const address = /http:\S+/.exec(String(line))?.[0];
process.env.HUB_URL = address ?? "";

const tell = (what) => api("POST", `/mock/${what}`);
const must = (truth, text) => {
  if (!truth) throw new Trouble(text);
};

/** Moves the page's clock on in steps, with real time between them for the hub's answers, until something holds. */
async function until(page, holds, what, ms = 500) {
  for (let tries = 0; tries < 400; tries++) {
    if (await holds()) return;
    await page.clock.runFor(ms);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Trouble(`it did not come to this: ${what}`);
}

const count = (page) => hook(page, "mirror-count").innerText();
/** How many are done; what is done leaves the panel where more than eight are open. */
const done = async (page) => Number.parseInt(await count(page), 10);

/** Runs in the page: the smallest letters, and whether everything stands on the panel. */
function look() {
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  let smallest = Infinity;
  while (texts.nextNode()) {
    if (texts.currentNode.data.trim()) smallest = Math.min(smallest, parseFloat(getComputedStyle(texts.currentNode.parentElement).fontSize));
  }
  const foot = document.querySelector(".wall-foot").getBoundingClientRect();
  const list = document.querySelector(".wall-list").getBoundingClientRect();
  return {
    smallest,
    black: getComputedStyle(document.body).backgroundColor === "rgb(0, 0, 0)",
    fits: document.documentElement.scrollHeight <= innerHeight && foot.bottom <= innerHeight && list.bottom <= foot.top + 1,
    items: document.querySelectorAll(".wall-item").length,
    targets: Math.min(...[...document.querySelectorAll(".wall-item")].map((item) => item.getBoundingClientRect().height)),
  };
}

/** Runs in the page: from now on it remembers, of each thing it hears, when that was. */
function hoard() {
  const { parse } = JSON;
  globalThis.hoarded = [];
  JSON.parse = (...of) => {
    globalThis.hoarded.push({ at: Date.now() });
    return parse(...of);
  };
}

async function pair(page, shot) {
  await page.goto(`${address}/mirror`);
  await hook(page, "mirror-code").waitFor();
  const code = (await hook(page, "mirror-code").innerText()).trim();
  await shot("weeks-0-code");
  await api("POST", `/api/displays/${code}/approve`, { token: "t", body: { name: "Hall", show: ["me"], act_as: "me" } });
  await until(page, async () => (await hook(page, "mirror-item").count()) > 0, "habits on the wall");
}

async function promises(page, shot) {
  const seen = await page.evaluate(look);
  say("look", seen);
  must(seen.smallest >= LEAST_PX, `letters of ${seen.smallest} pixels`);
  must(seen.black && seen.fits && seen.items === 8, `black ${seen.black}, fits ${seen.fits}, ${seen.items} habits`);
  must(/^0 .+ 10$/.test(await count(page)), `the count says ${await count(page)}`);
  await shot("weeks-1-day");
  await undo(page, shot);
  await old(page, shot);
  await shiftsAndDims(page, shot);
}

async function undo(page, shot) {
  const touch = () => hook(page, "mirror-item").nth(1).locator("button").click();
  await touch();
  await hook(page, "mirror-undo").waitFor();
  must((await done(page)) === 1, "a touch completes");
  const box = await hook(page, "mirror-undo").boundingBox();
  const { smallest, fits } = await page.evaluate(look);
  must(box.height >= 48 && box.width >= 48 && smallest >= LEAST_PX && fits, `the undo: ${JSON.stringify({ box, smallest, fits })}`);
  await page.clock.runFor(4_000);
  await shot("weeks-2-undo");
  await hook(page, "mirror-undo").click();
  await until(page, async () => (await done(page)) === 0, "the undo takes it back", 50);
  must((await hook(page, "mirror-undo").count()) === 0, "the undo is gone once it is used");
  await touch();
  await hook(page, "mirror-undo").waitFor();
  await page.clock.runFor(9_000);
  must((await hook(page, "mirror-undo").count()) === 0, "the undo goes by itself");
}

async function old(page, shot) {
  const foot = async () => (await hook(page, "mirror-foot").innerText()).trim();
  must((await foot()) === "", `a fresh wall says ${await foot()}`);
  await tell("away/1");
  await page.clock.runFor(50_000);
  must((await foot()) === "", "before a minute is over nothing is said");
  await until(page, async () => /\d/.test(await foot()), "the age of the data", 5_000);
  say("age", { text: await foot() });
  await shot("weeks-3-old");
  await tell("away/0");
  await until(page, async () => (await foot()) === "", "fresh again");
}

async function shiftsAndDims(page, shot) {
  const place = () => page.evaluate(() => getComputedStyle(document.querySelector(".wall")).transform);
  const places = new Set();
  for (let minute = 0; minute < 12; minute++) {
    places.add(await place());
    await page.clock.fastForward(60_000);
    await page.clock.runFor(1_000);
  }
  must(places.size >= 10, `twelve minutes, ${places.size} places`);
  const night = () => page.evaluate(() => document.body.classList.contains("night"));
  must(!(await night()), "it is day");
  await page.clock.fastForward(15 * 3_600_000);
  await until(page, night, "the night");
  await page.waitForFunction(() => getComputedStyle(document.querySelector(".wall")).opacity === "0.5");
  await shot("weeks-4-night");
  await page.clock.fastForward(9 * 3_600_000);
  await until(page, async () => !(await night()), "the morning");
}

/** What the page holds after everything that can go has gone. */
async function measure(cdp) {
  for (let turn = 0; turn < 3; turn++) await cdp.send("HeapProfiler.collectGarbage");
  const { usedSize } = await cdp.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await cdp.send("Memory.getDOMCounters");
  return { heap: usedSize, nodes, listeners: jsEventListeners };
}

async function oneDay(page, tally) {
  for (let round = 0; round < ROUNDS; round++) {
    // An odd number turns the first habit over, so that what is shown tells whether all of it arrived.
    await tell(`storm/${EVENTS + 1}`);
    tally.events += EVENTS + 1;
    const { items } = await api("GET", "/api/today", { token: "t" });
    const wanted = items.filter((item) => item.done).length;
    await until(page, async () => (await done(page)) === wanted, `the storm of round ${round}`);
    await tell("drop");
    tally.breaks += 1;
    await until(page, async () => (await tell("storm/0")).clients === 1, "connected again");
    await page.clock.fastForward((24 / ROUNDS) * 3_600_000);
  }
  await tell("day");
  await until(page, async () => (await done(page)) === 0, "a new day");
}

try {
  if (!address) throw new Trouble(`the hub of memory did not start: ${line}`);
  for (let n = 1; n <= 5; n++) await api("POST", "/api/habits", { token: "t", body: { name: `A quiet habit with a longer name ${n}` } });
  await run({ width: 1080, height: 1920 }, async (page, shot) => {
    await page.clock.install({ time: new Date(new Date().setHours(7, 42, 0, 0)) });
    if (LEAK) await page.addInitScript(hoard);
    await pair(page, shot);
    if (!LEAK) await promises(page, shot);
    await page.evaluate(() => (window.born = 1));
    const cdp = await page.context().newCDPSession(page);
    const tally = { events: 0, breaks: 0 };
    let begin = null;
    for (let n = 1; n <= DAYS; n++) {
      await oneDay(page, tally);
      const now = await measure(cdp);
      say("day", { n, ...tally, ...now });
      if (n === WARM_DAYS) {
        begin = now;
        Object.assign(tally, { events: 0, breaks: 0 });
      }
    }
    const end = await measure(cdp);
    say("measured", { days: DAYS - WARM_DAYS, ...tally, begin, end });
    must((await page.evaluate(() => window.born)) === 1, "the page was loaded anew");
    must(end.heap - begin.heap < HEAP_SLACK, `the heap grew by ${end.heap - begin.heap} bytes`);
    must(end.nodes - begin.nodes < SLACK && end.listeners - begin.listeners < SLACK, "nodes or listeners stayed behind");
    await shot("weeks-5-end");
  });
} catch (error) {
  say("done", { ok: false, trouble: error.message });
  process.exitCode = 1;
} finally {
  mock.kill();
  if (pages) await rm(pages, { recursive: true });
}

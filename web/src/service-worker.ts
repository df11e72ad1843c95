/**
 * Keeps the phone's page, so that it opens without the hub. What goes to the hub is none of its business.
 *
 * A version is whole or not there: its files are fetched together, kept in a cache of their own, and served from that only.
 * A new one waits until every page of the old is closed, or a person says "reload"; then all pages load anew.
 */

interface Shell {
  version: string;
  /** The page's own script: tells whether the page that was fetched is the one of this version. */
  entry: string;
  files: string[];
  /** Large files, kept once they are used. */
  late: string[];
}

declare const __SHELL__: Shell;

/** What of a service worker's surroundings is used; TypeScript has a page's or a worker's, not both. */
interface Lifetime extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Asked extends Event {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Surroundings {
  clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", heard: (event: Lifetime) => void): void;
  addEventListener(type: "fetch", heard: (event: Asked) => void): void;
  addEventListener(type: "message", heard: (event: Lifetime & { data: unknown }) => void): void;
}

const worker = self as unknown as Surroundings;
const shell = __SHELL__;
const PREFIX = "kairos-shell-";
const CACHE = PREFIX + shell.version;
/** Addresses under which the hub gives the same page. */
const PAGES = ["/", "/index.html", "/admin", "/trust", "/watch"];
const FILES = new Set(shell.files.map((file) => `/${file}`));
const LATE = new Set(shell.late.map((file) => `/${file}`));

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  const page = await fetch("/", { cache: "reload" });
  // A hub that is just being replaced may already give the next version's page.
  if (!page.ok || !(await page.clone().text()).includes(shell.entry)) throw new Error("The page is of another version.");
  await cache.put("/", page);
  await cache.addAll([...FILES]);
  // What is large and did not change is not fetched again.
  for (const path of LATE) {
    const kept = await caches.match(path);
    if (kept) await cache.put(path, kept);
  }
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  await worker.clients.claim();
}

async function answer(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(path, { ignoreVary: true });
  if (kept) return kept;
  const fresh = await fetch(request);
  if (fresh.ok && LATE.has(path)) await cache.put(path, fresh.clone());
  return fresh;
}

/** The page opened its database before this worker was there to see it. */
async function keepLate(): Promise<void> {
  const cache = await caches.open(CACHE);
  for (const path of LATE) if (!(await cache.match(path))) await cache.add(path);
}

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("message", (event) => {
  if (event.data === "take-over") event.waitUntil(worker.skipWaiting());
  if (event.data === "keep-database") event.waitUntil(keepLate());
});
worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (event.request.mode === "navigate") {
    if (PAGES.includes(url.pathname)) event.respondWith(answer("/", event.request));
  } else if (FILES.has(url.pathname) || LATE.has(url.pathname)) {
    event.respondWith(answer(url.pathname, event.request));
  }
});

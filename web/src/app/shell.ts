import { session, toast } from "../session";
import { words } from "../texts/sync";

/**
 * The page's side of the service worker: starts it, tells when a new version waits, and lets it take over when the person says
 * so. Where there can be none (plain http) the page works without.
 */

const LOOK_MS = 3_600_000;

let waiting: ServiceWorker | null = null;
let refused = false;

/** Whether this browser keeps data, but not the page: it does not trust the hub's certificate. */
export function shellRefused(): boolean {
  return refused;
}

/** Whether a new version waits for the person's word. */
export function updateReady(): boolean {
  return waiting !== null;
}

/** The new version takes over; all pages load anew, since an old page must not load new files. */
export function takeUpdate(): void {
  waiting?.postMessage("take-over");
}

export async function startShell(): Promise<void> {
  const container = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
  if (!import.meta.env.PROD || !container) return;
  const first = container.controller === null;
  let taken = first;
  container.addEventListener("controllerchange", () => {
    // The first worker takes over a page that is of its own version.
    if (!taken) location.reload();
    taken = false;
  });
  try {
    const registration = await container.register("/service-worker.js");
    watch(registration);
    keepDatabase(container);
    document.addEventListener("visibilitychange", () => document.hidden || look(registration));
    setInterval(() => look(registration), LOOK_MS);
  } catch {
    // A certificate that was only clicked away: everything works but opening the page without the hub.
    refused = true;
  }
}

function look(registration: ServiceWorkerRegistration): void {
  // The hub may be away; the next look is not far.
  registration.update().catch(() => {});
}

function watch(registration: ServiceWorkerRegistration): void {
  const ready = () => {
    const { waiting: next } = registration;
    // Without one before it, it waits for nobody.
    if (!next || !registration.active) return;
    waiting = next;
    toast(words.updateReady, takeUpdate, { label: words.reload, stays: true });
    dispatchEvent(new Event("kairos-update"));
  };
  ready();
  registration.addEventListener("updatefound", () => {
    const { installing } = registration;
    installing?.addEventListener("statechange", () => installing.state === "installed" && ready());
  });
}

/** SQLite was perhaps loaded before the worker could keep it. */
function keepDatabase(container: ServiceWorkerContainer): void {
  const tell = () => {
    if (session.sync) void container.ready.then(({ active }) => active?.postMessage("keep-database"));
  };
  tell();
  session.addEventListener("kept", tell);
}

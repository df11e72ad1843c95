/**
 * A mirror hangs for months without a reload, the hub is updated meanwhile.
 *
 * After a reconnect the page is asked for once; when it names another build than the one running, the mirror
 * loads it. At most once an hour, so that a cache in between cannot turn this into a loop.
 */

const LAST_KEY = "kairos.reloaded-at";
const HOUR_MS = 3_600_000;

/** The paths of the built files this page runs on; none under a development server. */
function build(): string[] {
  const parts = document.querySelectorAll<HTMLScriptElement | HTMLLinkElement>("script[src], link[rel=stylesheet]");
  return [...parts]
    .map((part) => new URL("src" in part ? part.src : part.href).pathname)
    .filter((path) => path.startsWith("/assets/"));
}

export async function reloadWhenUpdated(): Promise<void> {
  const files = build();
  const last = Number(sessionStorage.getItem(LAST_KEY) ?? 0);
  if (files.length === 0 || Date.now() - last < HOUR_MS) return;
  try {
    const response = await fetch("/mirror", { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    const page = await response.text();
    if (!response.ok || !page.includes("/assets/mirror") || files.every((file) => page.includes(file))) return;
    sessionStorage.setItem(LAST_KEY, String(Date.now()));
    location.reload();
  } catch {
    // No answer, no update: the next reconnect asks again.
  }
}

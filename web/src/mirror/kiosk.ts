/** What a panel on a wall needs of its browser: a screen that stays on, and no pointer in the picture. */

const POINTER_MS = 3_000;

/** Asks for a screen that does not sleep; only secure origins may, and a hidden page loses it. */
async function stayAwake(): Promise<void> {
  if (document.hidden || !("wakeLock" in navigator)) return;
  // Refused on a low battery, for one: the panel's own settings count then.
  await navigator.wakeLock.request("screen").catch(() => {});
}

/**
 * Whether the mirror is open as a page of the installed app: nothing there leads back. A panel's browser is full screen or a
 * plain window, and shows the wall alone.
 */
export function isInApp(): boolean {
  return matchMedia("(display-mode: standalone), (display-mode: minimal-ui)").matches || (navigator as { standalone?: boolean }).standalone === true;
}

export function beKiosk(): void {
  void stayAwake();
  document.addEventListener("visibilitychange", () => void stayAwake());
  let timer: ReturnType<typeof setTimeout> | undefined;
  addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse") return;
    document.body.classList.add("pointing");
    clearTimeout(timer);
    timer = setTimeout(() => document.body.classList.remove("pointing"), POINTER_MS);
  });
}

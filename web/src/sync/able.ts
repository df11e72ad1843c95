import type { Me } from "../types";

/** What has to be known before the sync layer is loaded: whether this page can have it, and who was signed in last. */

/** Databases, locks and workers that outlive a page exist in secure contexts only: https with a trusted certificate, or localhost. */
export function canSync(): boolean {
  return globalThis.isSecureContext === true && "locks" in navigator && "indexedDB" in globalThis && "subtle" in crypto;
}

const ME = "kairos.me";

/** Who was signed in when the page was last open: enough to open it without the hub. */
export function remembered(): Me | null {
  try {
    const me = JSON.parse(localStorage.getItem(ME) ?? "null") as Me | null;
    return me && typeof me.user_id === "string" ? me : null;
  } catch {
    return null;
  }
}

export function remember(me: Me): void {
  localStorage.setItem(ME, JSON.stringify(me));
}

export function forgetMe(): void {
  localStorage.removeItem(ME);
}

/** Whether another tab signed out. */
export function forgottenElsewhere(event: StorageEvent): boolean {
  return event.key === ME && event.newValue === null;
}

/** Whose way back is put off, and on which day. */
export const LATER = "kairos.recovery-later";

/** A database whose removal began, and was perhaps cut short with the page (`sync/wipe.ts`). */
export const WIPE = "kairos.wipe";

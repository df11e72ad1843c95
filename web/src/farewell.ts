/** Where the page that deletes an account leaves word for the door, which is what its person sees next. */
export const FAREWELL = "kairos.farewell";

export interface Farewell {
  /** A server hears of it, too, and may be away. */
  server: boolean;
  /** What stays in PocketBase, in the hub's own words. */
  there?: string | null;
}

/** What was left, once. */
export function farewell(): Farewell | null {
  const left = sessionStorage.getItem(FAREWELL);
  sessionStorage.removeItem(FAREWELL);
  try {
    return left ? (JSON.parse(left) as Farewell) : null;
  } catch {
    return null;
  }
}

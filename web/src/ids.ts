/**
 * Returns a random UUID.
 *
 * `crypto.randomUUID` exists on secure origins only, and a hub on `http://192.168.…` is none.
 */
export function randomId(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  return written(b);
}

function written(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (x) => x.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * The id of a row that follows from what it is about: a UUIDv8 of the first 16 bytes of SHA-256. Only where pages are secure,
 * as is all that syncs.
 */
export async function derivedId(key: string): Promise<string> {
  const b = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key))).slice(0, 16);
  b[6] = (b[6]! & 0x0f) | 0x80;
  b[8] = (b[8]! & 0x3f) | 0x80;
  return written(b);
}

/** The id of a habit's day; the actor is empty for a habit that is one person's, or anyone's once. */
export function cellId(habit: string, date: string, actor: string): Promise<string> {
  return derivedId(`${habit}|${date}|${actor}`);
}

/** A random id whose first half tells when it was made, as the hub mints its own. */
export function timedId(now = Date.now()): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  for (let n = 0; n < 6; n++) b[n] = Math.floor(now / 256 ** (5 - n)) % 256;
  b[6] = (b[6]! & 0x0f) | 0x70;
  b[8] = (b[8]! & 0x3f) | 0x80;
  return written(b);
}

const LEAST_MS = 1_000;
const MOST_MS = 30_000;

/**
 * Asks a hub that did not answer again: after a second at first, then each time after twice as long, half a minute at most, and
 * never at the same moment as everybody else. When something is new, it asks at once, and begins anew.
 */
export class Patience {
  private tries = 0;
  private last = -Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly ask: () => void,
    private readonly random: () => number = Math.random,
  ) {}

  wait(): void {
    this.stop();
    const most = Math.min(MOST_MS, 2 * LEAST_MS * 2 ** Math.min(this.tries++, 10));
    this.timer = setTimeout(() => this.go(), (most / 2) * (1 + this.random()));
  }

  /** Something is new while it waits. Not more than once a second, however much there is. */
  nudge(): void {
    if (this.timer === undefined) return;
    this.reset();
    if (Date.now() - this.last >= LEAST_MS) this.go();
    else this.wait();
  }

  /** The hub answered. */
  reset(): void {
    this.tries = 0;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private go(): void {
    this.stop();
    this.last = Date.now();
    this.ask();
  }
}

/** Tells of whatever may be new: a network, a page that comes into view, a person's hand. */
export function onSigns(look: () => void): () => void {
  const end = new AbortController();
  const { signal } = end;
  for (const type of ["online", "pointerdown", "keydown"]) addEventListener(type, look, { signal, passive: true });
  document.addEventListener("visibilitychange", () => document.hidden || look(), { signal });
  return () => end.abort();
}

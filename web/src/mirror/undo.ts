/** What a touch did, and how it is taken back. */
export interface Touch {
  habitId: string;
  date: string;
  eventId: string | null;
  text: string;
}

/** How long a wall offers an undo: it is a walk away from the hand that touched it. */
export const UNDO_MS = 8_000;

/** The newest touch, for as long as it can be taken back. It holds one and no history. */
export class Undo {
  touch: Touch | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly changed: () => void) {}

  offer(touch: Touch): void {
    clearTimeout(this.timer);
    this.touch = touch;
    this.timer = setTimeout(() => this.end(), UNDO_MS);
    this.changed();
  }

  /** Takes the offer up; a second hand finds none. */
  take(): Touch | null {
    const touch = this.touch;
    this.end();
    return touch;
  }

  /** Somebody else took it back meanwhile, or the day is another. */
  forget(habitId: string): void {
    if (this.touch?.habitId === habitId) this.end();
  }

  private end(): void {
    clearTimeout(this.timer);
    if (!this.touch) return;
    this.touch = null;
    this.changed();
  }
}

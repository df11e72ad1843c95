/** A word that cannot be taken back once the hub has it: it is given when nobody can take it back here any more. */

/** A moment longer than a toast offers its undo. */
const WAIT_MS = 6_000;

export class LastWord {
  private readonly waiting = new Map<string, ReturnType<typeof setTimeout>>();

  /** `held` says whether somebody is about to take it back. */
  constructor(private readonly held: () => boolean) {}

  /** Whether it stands: also once it is given, while the news of it is on its way back. */
  has(id: string): boolean {
    return this.waiting.has(id);
  }

  give(id: string, job: () => Promise<void>): void {
    clearTimeout(this.waiting.get(id));
    const wait = () => this.waiting.set(id, setTimeout(() => (this.held() ? wait() : void job()), WAIT_MS));
    wait();
  }

  takeBack(id: string): void {
    clearTimeout(this.waiting.get(id));
    this.waiting.delete(id);
  }
}

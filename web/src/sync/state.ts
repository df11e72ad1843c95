/** How the phone stands with its hub, in six words. */
export type Word = "synced" | "syncing" | "pending" | "offline" | "error" | "off";

/** Why it does not sync, where something can be said about it. */
export type Trouble = "away" | "sign-in" | "unavailable" | "not-found";

export interface SyncState {
  word: Word;
  /** How many changes wait to be sent. */
  pending: number;
  trouble: Trouble | null;
  /** When everything was last here and there, in milliseconds. */
  last: number | null;
}

export const OFF: SyncState = { word: "off", pending: 0, trouble: null, last: null };

/** What PowerSync tells about itself. */
export interface Status {
  connected: boolean;
  connecting: boolean;
  downloading: boolean;
  uploading: boolean;
  hasSynced: boolean | undefined;
  lastSyncedAt: Date | undefined;
  downloadError: { message?: string } | undefined;
  uploadError: { message?: string } | undefined;
}

/**
 * Reads an error of the SDK's: what a hub answered stands in its message as a number, and where there was no answer there is
 * none.
 */
export function troubleOf(error: { message?: string } | undefined): Trouble | null {
  if (!error) return null;
  const status = Number(/\b([45]\d\d)\b/.exec(error.message ?? "")?.[1] ?? 0);
  if (status === 401 || status === 403) return "sign-in";
  if (status === 404) return "not-found";
  return status === 0 ? "away" : "unavailable";
}

/**
 * `online` is what the browser says. A hub on this very machine is there without a network, so a connection weighs more.
 * `failed` is what went wrong last, until there is a connection again: a new try alone changes nothing.
 */
export function stateOf(status: Status, pending: number, online: boolean, failed?: Status["downloadError"]): SyncState {
  const told = troubleOf(status.uploadError) ?? troubleOf(status.downloadError) ?? (status.connected ? null : troubleOf(failed));
  const away = status.connected ? !online && told === "away" : !online || told === "away";
  const trouble: Trouble | null = away ? "away" : told === "away" ? null : told;
  const as = (word: Word) => ({ word, pending, trouble, last: status.lastSyncedAt?.getTime() ?? null });
  if (away) return as(pending > 0 ? "pending" : "offline");
  if (trouble) return as("error");
  if (status.uploading || status.downloading || !status.connected || !status.hasSynced) return as("syncing");
  return as(pending > 0 ? "pending" : "synced");
}

/**
 * Says only what has been so for a while: while somebody taps, the SDK goes from synced to syncing and back within 30 ms, and
 * a line that flickers tells nobody anything.
 */
export class Calm {
  shown: SyncState = OFF;
  private next: SyncState = OFF;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly show: (state: SyncState) => void,
    private readonly delayMs = 500,
  ) {}

  hear(state: SyncState): void {
    this.next = state;
    if (this.timer !== undefined || same(state, this.shown)) return;
    if (this.shown.word === "off") return this.say();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (!same(this.next, this.shown)) this.say();
    }, this.delayMs);
  }

  private say(): void {
    this.shown = this.next;
    this.show(this.shown);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

function same(a: SyncState, b: SyncState): boolean {
  return a.word === b.word && a.pending === b.pending && a.trouble === b.trouble && a.last === b.last;
}

import { Api, exclusive, MIRROR } from "./api";
import { lang, t } from "./i18n";
import { Live, liveUrl } from "./live";
import { CurrentModel, LiveModel, type Model } from "./model";
import { canSync, forgetMe, LATER, remember, remembered, WIPE } from "./sync/able";
import type { Sync } from "./sync/database";
import { OFF, type SyncState } from "./sync/state";
import type { Me, Today } from "./types";

/** What the phone app's screens share: one REST client, one websocket, who is signed in, and the toast. */

export const api = new Api({
  lock: exclusive,
  offlineText: t.offline,
  // The hub's own sentences are English. Theirs come only when there is something to say.
  ...(lang === "de" ? { say: async (error) => (await import("./texts/errors")).inGerman(error) } : {}),
  onSignedOut: () => dispatchEvent(new Event("kairos-signed-out")),
});

export interface Toast {
  text: string;
  undo?: () => void;
  /** What the button says, where it does not undo. */
  label?: string;
  /** Whether it stays until another comes. */
  stays?: boolean;
}

/** Shows one line at the foot of the page; the newest replaces the one before. */
export function toast(text: string, undo?: () => void, more: Pick<Toast, "label" | "stays"> = {}): void {
  dispatchEvent(new CustomEvent<Toast>("kairos-toast", { detail: undo ? { text, undo, ...more } : { text } }));
}

/** What went wrong, in the hub's words where it has any. */
export function errorText(error: unknown): string {
  return error instanceof Error && error.message ? error.message : t.somethingElse;
}

export function toastError(error: unknown): void {
  toast(errorText(error));
}

/** Somebody signed out, and the hub has not heard it yet. */
const LEFT = "kairos.left";

/**
 * Who is signed in, and the model of their habits: live at first, and from the phone's own database as soon as that is there,
 * where the page can have one. Events: `state`, of the connection or of syncing; `kept`, when the database is open.
 */
export class Session extends EventTarget {
  me: Me | null = null;
  /** The phone's own database; null where there is none, or not yet. */
  sync: Sync | null = null;
  private readonly liveModel = new LiveModel(api);
  private readonly current = new CurrentModel(this.liveModel);
  /** What the screens of habits stand on. */
  readonly model: Model = this.current;
  readonly live = new Live<Today>({
    url: liveUrl(location),
    token: (refused) => api.token(refused),
    onToday: (today) => this.liveModel.heard(today),
    onRows: () => this.liveModel.changed(),
    onEvent: (event) => {
      if (event.table !== "completions" && event.table !== "completion_events") this.liveModel.changed();
    },
    onState: () => this.dispatchEvent(new Event("state")),
  });
  /** Who is signed in leaves for good: whatever ends their session, nothing of theirs stays here. */
  wipes = false;
  private closing: Promise<void> | null = null;
  /** Counts starts and stops, so that a database that opens late finds nothing to do. */
  private run = 0;

  /** How this device stands with its hub. */
  get state(): SyncState {
    return this.sync?.state ?? OFF;
  }

  /** Whether the hub is there, as far as is known. */
  get reachable(): boolean {
    if (!this.kept) return this.live.state === "live";
    return this.state.trouble === null && this.state.word !== "offline";
  }

  /** Whether the screens stand on the phone's own database. */
  get kept(): boolean {
    return this.sync !== null && this.current.stands(this.sync.model);
  }

  /** Looks for the hub now, where it was away. */
  nudge(): void {
    this.live.nudge();
    this.sync?.nudge();
  }

  async start(): Promise<void> {
    await this.greet();
    if (this.sync) return;
    this.live.start();
    void this.keep().catch((error: unknown) => console.warn(error));
  }

  /** Opens the page without the hub, for who was signed in last; false where that cannot be. */
  async resume(): Promise<boolean> {
    await this.endWipe().catch((error: unknown) => console.warn(error));
    const me = remembered();
    if (!me || !canSync()) return false;
    try {
      const sync = await this.open(me);
      // Without a first sync there is nothing to show; the live way is quicker.
      if (!sync?.complete) return false;
      this.me = me;
      api.user = me.user_id;
      await this.take(sync);
      if (this.sync !== sync) return false;
      sync.connect();
      return true;
    } catch (error) {
      console.warn(error);
      return false;
    }
  }

  /** A wipe that was cut short, perhaps with its page, or that did not succeed. */
  private async endWipe(): Promise<void> {
    const file = localStorage.getItem(WIPE);
    if (file) await (await import("./sync/database")).wipe(file);
  }

  /** Asks the hub who is signed in; who they are may have changed elsewhere. */
  async greet(): Promise<void> {
    this.me = await api.get<Me>("/api/me");
    await this.keepTimeZone();
    if (this.me && canSync()) remember(this.me);
    this.dispatchEvent(new Event("state"));
  }

  /** The person changed who they are. */
  changed(me: Me): void {
    this.me = me;
    if (canSync()) remember(me);
    this.dispatchEvent(new Event("state"));
  }

  /** Nobody is signed in any more. Their data stays on this device unless it is wiped. */
  async stop(clean = this.wipes): Promise<void> {
    this.run += 1;
    this.wipes = false;
    // First: the pages that are still there hear of the rest, and ask for what they show.
    api.end();
    this.live.stop();
    // In another tab somebody else may have come since.
    if (remembered()?.user_id === this.me?.user_id) forgetMe();
    if (clean) localStorage.removeItem(LATER);
    this.me = null;
    this.liveModel.today = null;
    const { sync } = this;
    this.sync = null;
    this.current.use(this.liveModel);
    this.dispatchEvent(new Event("state"));
    if (sync) this.closing = sync.close(clean).catch((error: unknown) => console.warn(error));
    await this.closing;
  }

  /** Signs out, or asks first what is to stay on this device, where something is. */
  leave(): void {
    if (this.sync || localStorage.getItem(MIRROR)) location.hash = "#/account/sign-out";
    else void this.signOut(false);
  }

  /** Signs this device out, also while the hub is away: it is told as soon as it is there. */
  async signOut(wipe: boolean): Promise<void> {
    localStorage.setItem(LEFT, "1");
    // What goes is heard of in the other tabs, also where nothing was kept.
    if (this.me) remember(this.me);
    // At once, and not when all is closed: the cookie may be somebody else's by then.
    const told = this.endLeft().catch(() => {});
    await this.stop(wipe);
    await told;
    dispatchEvent(new Event("kairos-signed-out"));
  }

  /** Signs somebody in. Who left while the hub was away is signed out first: afterwards the word would end the new session. */
  async signIn(email: string, password: string): Promise<void> {
    await this.endLeft();
    await api.login(email, password);
  }

  /** Who signed out while the hub was away is not signed in again by the cookie that stayed. */
  async endLeft(): Promise<void> {
    if (!localStorage.getItem(LEFT)) return;
    await api.bare("POST", "/api/auth/logout", {});
    localStorage.removeItem(LEFT);
  }

  /** Brings everything to this device; from then on the screens stand on that. */
  private async keep(): Promise<void> {
    if (!this.me || !canSync()) return;
    const sync = await this.open(this.me);
    if (!sync) return;
    sync.connect();
    await sync.firstSync();
    if (this.sync === sync) await this.take(sync);
  }

  private async open(me: Me): Promise<Sync | null> {
    if (this.sync) return this.sync;
    const run = ++this.run;
    const { Sync } = await import("./sync/database");
    await this.closing;
    const sync = await Sync.open(me, (renew) => this.syncToken(me.user_id, renew), this.liveModel);
    if (run !== this.run) {
      await sync.close(false);
      return null;
    }
    this.sync = sync;
    this.dispatchEvent(new Event("kept"));
    for (const type of ["state", "pending"]) sync.addEventListener(type, () => this.dispatchEvent(new Event("state")));
    return sync;
  }

  private async take(sync: Sync): Promise<void> {
    await sync.model.load();
    if (this.sync !== sync) return;
    this.current.use(sync.model);
    this.live.stop();
  }

  /** The hub's word that nobody is signed in, or no longer who these data are of, ends the session, wherever it was heard. */
  private async syncToken(of: string, renew: boolean): Promise<string | null> {
    const token = await api.token(renew);
    if (token !== null && api.user === of) return token;
    if (this.me?.user_id === of) dispatchEvent(new Event("kairos-signed-out"));
    return null;
  }

  /** A new account lives in UTC until a browser tells where it is. */
  private async keepTimeZone(): Promise<void> {
    const tz = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!this.me || !tz || this.me.tz !== "UTC" || tz === "UTC") return;
    this.me = await api.patch<Me>("/api/me", { tz }).catch(() => this.me);
  }
}

export const session = new Session();

import { Api, exclusive } from "./api";
import { t } from "./i18n";
import { Live, liveUrl } from "./live";
import { LiveModel, type Model } from "./model";
import type { Me, Today } from "./types";

/** What the phone app's screens share: one REST client, one websocket, who is signed in, and the toast. */

export const api = new Api({
  lock: exclusive,
  offlineText: t.offline,
  onSignedOut: () => dispatchEvent(new Event("kairos-signed-out")),
});

export interface Toast {
  text: string;
  undo?: () => void;
}

/** Shows one line at the foot of the page; the newest replaces the one before. */
export function toast(text: string, undo?: () => void): void {
  dispatchEvent(new CustomEvent<Toast>("kairos-toast", { detail: undo ? { text, undo } : { text } }));
}

/** Shows what went wrong in the hub's own words. */
export function toastError(error: unknown): void {
  toast(error instanceof Error && error.message ? error.message : t.somethingElse);
}

/** Who is signed in, their websocket and the model of their habits. Event: `state`, of the connection. */
export class Session extends EventTarget {
  me: Me | null = null;
  private readonly liveModel = new LiveModel(api);
  /** What the screens of habits stand on. */
  readonly model: Model = this.liveModel;
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

  async start(): Promise<void> {
    this.me = await api.get<Me>("/api/me");
    await this.keepTimeZone();
    this.live.start();
  }

  stop(): void {
    this.live.stop();
    this.me = null;
    this.liveModel.today = null;
  }

  /** A new account lives in UTC until a browser tells where it is. */
  private async keepTimeZone(): Promise<void> {
    const tz = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!this.me || !tz || this.me.tz !== "UTC" || tz === "UTC") return;
    this.me = await api.patch<Me>("/api/me", { tz }).catch(() => this.me);
  }
}

export const session = new Session();

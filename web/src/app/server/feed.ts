import type { Socket } from "../../live";
import { Patience } from "../../patience";
import type { Standing } from "../../types";

/** How often a hub is asked that does not tell by itself. */
const LOOK_MS = 3_000;
/** How often one that does: a connection may die without saying so. */
const STALE_MS = 30_000;
/** What is asked for has this number. */
const ID = 1;

export interface FeedOptions {
  heard: (standing: Standing) => void;
  /** The hub did not answer. */
  away: (error: unknown) => void;
  token: () => Promise<string | null>;
  ask: () => Promise<Standing>;
  open: () => Socket;
}

interface Message {
  type?: string;
  id?: number;
  success?: boolean;
  event?: Standing;
}

/**
 * Tells how the hub stands with its server for as long as a page shows it: by a websocket of its own, since a phone that keeps
 * its data has no other open, and where the hub does not know the word, by asking again and again.
 */
export class Feed {
  private socket: Socket | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly patience = new Patience(() => void this.connect());
  private ended = false;

  constructor(private readonly options: FeedOptions) {
    this.pace(STALE_MS);
    void this.connect();
  }

  /** Asks once, now. */
  async look(): Promise<void> {
    try {
      const standing = await this.options.ask();
      if (!this.ended) this.options.heard(standing);
    } catch (error) {
      if (!this.ended) this.options.away(error);
    }
  }

  stop(): void {
    this.ended = true;
    clearInterval(this.timer);
    this.patience.stop();
    this.hangUp();
  }

  private async connect(): Promise<void> {
    let token: string | null;
    try {
      token = await this.options.token();
    } catch {
      return this.wait();
    }
    // Where nobody is signed in any more, the page is about to go.
    if (this.ended || token === null) return;
    const socket = this.options.open();
    this.socket = socket;
    socket.onmessage = ({ data }) => this.hear(token, data);
    socket.onclose = () => this.drop();
    socket.onerror = () => this.drop();
  }

  private hear(token: string, data: unknown): void {
    let message: Message;
    try {
      message = JSON.parse(String(data)) as Message;
    } catch {
      return;
    }
    if (message.type === "auth_required") this.say({ type: "auth", access_token: token });
    if (message.type === "auth_ok") this.say({ id: ID, type: "subscribe_sync_status" });
    if (message.type === "auth_invalid") this.drop();
    if (message.id !== ID) return;
    if (message.type === "event" && message.event) this.options.heard(message.event);
    if (message.type === "result") this.subscribed(message.success === true);
  }

  /** What changed while it was not told is asked for. A hub that does not know the word is asked from now on. */
  private subscribed(told: boolean): void {
    this.patience.reset();
    void this.look();
    if (told) return;
    this.hangUp();
    this.pace(LOOK_MS);
  }

  private pace(ms: number): void {
    clearInterval(this.timer);
    this.timer = setInterval(() => void (document.hidden || this.look()), ms);
  }

  private say(words: object): void {
    try {
      this.socket?.send(JSON.stringify(words));
    } catch {
      // It is closing, and says so in a moment.
    }
  }

  private drop(): void {
    this.hangUp();
    void this.look();
    this.wait();
  }

  private wait(): void {
    if (!this.ended) this.patience.wait();
  }

  private hangUp(): void {
    const { socket } = this;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }
}

import { randomId } from "./ids";
import { Patience } from "./patience";
import type {
  ChangeEvent, HabitCommand, Position, Receipt, ServerMessage, SubscribeResult, TableRow, WireError,
} from "./types";

/**
 * The one websocket client: phone and mirror alike.
 *
 * It signs in, subscribes from the last position it saw, notices a connection that died without saying so,
 * and reconnects for as long as the page lives. It holds no history: only its position and at most
 * `MAX_CALLS` calls that still wait for an answer.
 */

/** How often the hub is asked whether it is there. */
export const PING_MS = 20_000;
/** How long any step may stay unanswered before the connection counts as dead. */
export const PATIENCE_MS = 10_000;
/** Calls waiting at once; one more is refused at once instead of piling up. */
export const MAX_CALLS = 16;
/** A connection that lived this long was a good one: the next attempt may be quick again. */
const STABLE_MS = 5_000;
/** The hub's close code for "signed out or revoked". */
export const CLOSE_REFUSED = 4001;

export type LiveState = "connecting" | "live" | "waiting" | "stopped";

/** The part of `WebSocket` that is used here, so that tests can be the other side. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: ((close: { code: number }) => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(): void;
}

export interface LiveOptions<T> {
  url: string;
  /** The token to sign in with; `refused` says that the hub did not take the last one. Null: nobody is signed in. */
  token: (refused: boolean) => Promise<string | null>;
  /** The day's view, whole, whenever it changed. */
  onToday?: (today: T) => void;
  /** Current rows: what was known before is to be replaced. */
  onRows?: (rows: TableRow[]) => void;
  /** One change, in the log's order, never twice. */
  onEvent?: (event: ChangeEvent) => void;
  onState?: (state: LiveState) => void;
  /** The hub does not accept us; called each time before the next attempt. */
  onRefused?: () => void;
  open?: (url: string) => Socket;
  random?: () => number;
}

export class CallError extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

interface Call {
  body: Record<string, unknown>;
  /** The id it was sent under on this connection; null while it waits for one. */
  id: number | null;
  resolve: (receipt: Receipt) => void;
  reject: (error: CallError) => void;
  deadline: ReturnType<typeof setTimeout>;
}

export class Live<T> {
  /** When the hub last said anything (ms since epoch); null before the first word. */
  lastContact: number | null = null;
  state: LiveState = "stopped";

  private position: Position | null = null;
  private socket: Socket | null = null;
  private refused = false;
  private nextId = 1;
  private subscribeId = 0;
  private calls: Call[] = [];
  private readonly patience: Patience;
  /** Until when the hub is to say something; undefined while nothing is asked. */
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private pinger: ReturnType<typeof setInterval> | undefined;
  private stable: ReturnType<typeof setTimeout> | undefined;
  /** Counts starts and stops, so that a token that arrives late finds nothing to do. */
  private run = 0;

  constructor(private readonly options: LiveOptions<T>) {
    this.patience = new Patience(() => this.connect(), options.random);
  }

  start(): void {
    if (this.state !== "stopped") return;
    this.patience.reset();
    this.connect();
  }

  stop(): void {
    this.run += 1;
    this.release();
    this.patience.stop();
    for (const call of this.calls.splice(0)) this.settle(call).reject(new CallError("stopped", ""));
    this.setState("stopped");
  }

  /** Looks now instead of at the next timer: something is new (`onSigns`). */
  nudge(): void {
    if (this.state === "waiting") this.patience.nudge();
    else if (this.state === "live" && this.deadline === undefined && Date.now() - (this.lastContact ?? 0) > STABLE_MS) this.ping();
  }

  /**
   * Runs a command on the hub.
   *
   * Survives a reconnect: it is sent again under the same `command_id`, which the hub answers as it did before.
   */
  call(command: HabitCommand, habitId: string, more: Record<string, unknown> = {}): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      if (this.calls.length >= MAX_CALLS || this.state === "stopped") {
        reject(new CallError("busy", ""));
        return;
      }
      const call: Call = {
        body: { type: "call", command, habit_id: habitId, command_id: randomId(), ...more },
        id: null,
        resolve,
        reject,
        deadline: setTimeout(() => this.settle(call).reject(new CallError("timeout", "")), PATIENCE_MS),
      };
      this.calls.push(call);
      if (this.state === "live") this.sendCall(call);
    });
  }

  private setState(state: LiveState): void {
    if (state === this.state) return;
    this.state = state;
    this.options.onState?.(state);
  }

  private connect(): void {
    const run = ++this.run;
    this.setState("connecting");
    this.options.token(this.refused).then(
      (token) => {
        if (run !== this.run) return;
        if (token === null) {
          this.setState("stopped");
          this.options.onRefused?.();
        } else {
          this.dial(token);
        }
      },
      () => {
        if (run === this.run) this.wait();
      },
    );
  }

  private dial(token: string): void {
    const socket = (this.options.open ?? ((url) => new WebSocket(url) as Socket))(this.options.url);
    this.socket = socket;
    this.expect();
    socket.onmessage = (message) => this.hear(token, message.data);
    socket.onclose = (close) => this.drop(close.code === CLOSE_REFUSED);
    socket.onerror = () => this.drop(false);
  }

  private hear(token: string, data: unknown): void {
    let message: ServerMessage<T>;
    try {
      message = JSON.parse(String(data)) as ServerMessage<T>;
    } catch {
      return;
    }
    this.lastContact = Date.now();
    this.settled();
    switch (message.type) {
      case "auth_required":
        this.expect();
        this.send({ type: "auth", access_token: token });
        break;
      case "auth_ok":
        this.expect();
        this.subscribeId = this.nextId++;
        this.send({ id: this.subscribeId, type: "subscribe", after: this.position, today: true });
        break;
      case "auth_invalid":
        this.drop(true);
        break;
      case "result":
        if (message.id === this.subscribeId) {
          if (message.success) this.subscribed(message.result as SubscribeResult<T>);
          else this.drop(false);
        } else {
          this.answered(message.id, message.success ? { result: message.result } : { error: message.error });
        }
        break;
      case "event":
        this.event(message.event);
        break;
      case "today":
        this.options.onToday?.(message.today);
        break;
      case "pong":
        break;
    }
  }

  private subscribed(result: SubscribeResult<T>): void {
    this.refused = false;
    // Without rows in the same epoch the hub resumes after our own position, and the events move it on.
    if (result.rows || this.position?.epoch !== result.epoch) {
      this.position = { epoch: result.epoch, seq: result.seq };
    }
    clearTimeout(this.stable);
    this.stable = setTimeout(() => this.patience.reset(), STABLE_MS);
    clearInterval(this.pinger);
    this.pinger = setInterval(() => this.ping(), PING_MS);
    if (result.rows) this.options.onRows?.(result.rows);
    if (result.today !== undefined) this.options.onToday?.(result.today);
    this.setState("live");
    for (const call of this.calls) this.sendCall(call);
  }

  private event(event: ChangeEvent): void {
    if (!this.position || event.seq <= this.position.seq) return;
    this.position = { epoch: this.position.epoch, seq: event.seq };
    this.options.onEvent?.(event);
  }

  private sendCall(call: Call): void {
    call.id = this.nextId++;
    this.send({ id: call.id, ...call.body });
  }

  private answered(id: number, answer: { result: unknown } | { error: WireError }): void {
    const call = this.calls.find((c) => c.id === id);
    if (!call) return;
    this.settle(call);
    if ("error" in answer) call.reject(new CallError(answer.error.code, answer.error.message));
    else call.resolve(answer.result as Receipt);
  }

  private settle(call: Call): Call {
    clearTimeout(call.deadline);
    this.calls = this.calls.filter((c) => c !== call);
    return call;
  }

  private ping(): void {
    this.expect();
    this.send({ id: this.nextId++, type: "ping" });
  }

  /** Gives the hub `PATIENCE_MS` to say something, whatever it is. */
  private expect(): void {
    this.settled();
    this.deadline = setTimeout(() => this.drop(false), PATIENCE_MS);
  }

  private settled(): void {
    clearTimeout(this.deadline);
    this.deadline = undefined;
  }

  private send(message: object): void {
    try {
      this.socket?.send(JSON.stringify(message));
    } catch {
      // A socket that cannot send is closing; its close event or our patience deals with it.
    }
  }

  private drop(refused: boolean): void {
    this.release();
    this.refused = refused;
    this.wait();
    if (refused) this.options.onRefused?.();
  }

  /** Lets go of the socket first, so that nothing it still says is heard. */
  private release(): void {
    this.settled();
    clearTimeout(this.stable);
    clearInterval(this.pinger);
    for (const call of this.calls) call.id = null;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }

  private wait(): void {
    this.setState("waiting");
    this.patience.wait();
  }
}

/** The websocket's address on the page's own origin. */
export function liveUrl(location: { protocol: string; host: string }): string {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/api/websocket`;
}

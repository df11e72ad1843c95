import { HubConnector } from "@hub/connector.js";
import { schema } from "@hub/schema.js";
import { PowerSyncDatabase } from "@powersync/web";
import { Patience } from "../patience";
import type { Me } from "../types";
import { WIPE } from "./able";
import { type Hub, SyncModel } from "./model";
import { asSeen } from "./seen";
import * as sql from "./sql";
import { Calm, stateOf, type Status, type SyncState } from "./state";
import { wipe } from "./wipe";

export { wipe };

/**
 * The phone's own database and its way to the hub. This module is loaded late, and only where the page can keep data.
 *
 * The file system is the SDK's default (IDBBatchAtomicVFS). Choosing another later would open an empty database and leave
 * behind what was not sent yet.
 */

const UPLOAD_MS = 100;
/** How long the SDK waits after an upload that a hub which is there could not take. The SDK knows one length, and no growing. */
const RETRY_MS = 1000;
/** How often it is looked whether a new day has begun. */
const TURN_MS = 20_000;

/** One person's database: people who share a browser share nothing else. */
function fileOf(user: string): string {
  return `kairos-${user.replace(/[^A-Za-z0-9-]/g, (c) => `_${c.charCodeAt(0).toString(16)}`)}.db`;
}

/** A tab says that it has a database open, until it lets go: one that is to be removed is waited for. */
function hold(file: string): Promise<() => void> {
  return new Promise((held, failed) => {
    navigator.locks.request(file, { mode: "shared" }, () => new Promise<void>((letGo) => held(letGo))).catch(failed);
  });
}

/** The published connector, which syncs with the page's own origin, under whatever name the hub knows itself. */
class Connector extends HubConnector {
  /** The hub did not take the last token, however young it is here: its clock was put right, or it has new keys. */
  private refused = false;

  constructor(token: (renew: boolean) => Promise<string | null>) {
    super(location.origin, async () => (await token(this.refused)) ?? "");
  }

  override async fetchCredentials() {
    return { ...(await super.fetchCredentials()), endpoint: location.origin };
  }

  protected override async ask(method: string, path: string, body?: object): Promise<unknown> {
    try {
      const answer = await super.ask(method, path, body && "batch" in body ? { ...body, batch: (body.batch as object[]).map(asSeen) } : body);
      this.refused = false;
      return answer;
    } catch (error) {
      this.refused = error instanceof Error && / answered 401 /.test(error.message);
      throw error;
    }
  }
}

/** A change that waits to be sent. */
export interface Pending {
  id: number;
  op: "PUT" | "PATCH" | "DELETE";
  table: string;
  row: string;
  data: Record<string, unknown>;
  old: Record<string, unknown>;
  verb: string | null;
  value: number | null;
  at: number | null;
}

/** Something that can be had back, as the table `conflicts` has it. */
export interface ConflictRow {
  id: string;
  created_at: number | null;
  kind: string | null;
  table_name: string | null;
  row_id: string | null;
  column_name: string | null;
  lost_value: string | null;
  kept_value: string | null;
  reason: string | null;
  operations: string | null;
}

/** Events: `state`, and `conflicts` when the list of them may have changed. */
export class Sync extends EventTarget {
  readonly model: SyncModel;
  private pendingCount = 0;
  private readonly calm = new Calm(() => this.dispatchEvent(new Event("state")));
  private readonly ended = new AbortController();
  private readonly connector: Connector;
  private readonly patience = new Patience(() => this.connect());
  /** A try is under way: an error that is told before it begins is of the last one. */
  private trying = false;
  /** What went wrong since the hub was last there. */
  private failed: Status["downloadError"];

  private constructor(
    private readonly db: PowerSyncDatabase,
    me: Me,
    token: (renew: boolean) => Promise<string | null>,
    hub: Hub,
    private readonly letGo: () => void,
  ) {
    super();
    this.connector = new Connector(token);
    this.model = new SyncModel(db, me, Date.now, hub);
  }

  /** Opens the database. Nothing is asked of the hub. */
  static async open(me: Me, token: (renew: boolean) => Promise<string | null>, hub: Hub): Promise<Sync> {
    const file = fileOf(me.user_id);
    if (localStorage.getItem(WIPE) === file) {
      await wipe(file);
      // They are back: what they do from now on is not to go with what was.
      localStorage.removeItem(WIPE);
    }
    const letGo = await hold(file);
    const db = new PowerSyncDatabase({ schema, database: { dbFilename: file } });
    try {
      await db.init();
    } catch (error) {
      letGo();
      throw error;
    }
    // An installed app may ask that what waits in it is not cleared when space runs short; a page in a tab would have to bother
    // the person with a question.
    if (matchMedia("(display-mode: standalone)").matches) void navigator.storage.persist().catch(() => false);
    const sync = new Sync(db, me, token, hub, letGo);
    await sync.follow();
    return sync;
  }

  get state(): SyncState {
    return this.calm.shown;
  }

  /** How many changes wait to be sent, at this moment. */
  get waiting(): number {
    return this.pendingCount;
  }

  /** Whether all there is came at least once. */
  get complete(): boolean {
    return this.db.currentStatus.hasSynced === true;
  }

  /** Begins to sync, and goes on until the end. Of several tabs on a phone one syncs, so nobody may wait for this. */
  connect(): void {
    this.patience.stop();
    this.trying = false;
    const options = { crudUploadThrottleMs: UPLOAD_MS, retryDelayMs: RETRY_MS };
    this.db.connect(this.connector, options).catch((error: unknown) => console.warn(error));
  }

  /** Looks now instead of at the next try. */
  async again(): Promise<void> {
    this.patience.reset();
    await this.db.disconnect();
    this.connect();
  }

  /** Something is new (`onSigns`): where it waits for a hub that is away, it looks. */
  nudge(): void {
    this.patience.nudge();
  }

  /**
   * The SDK asks a hub that is away every second, for ever. So it is let go after each try that found none, and begins the next
   * one when it is time. Of several tabs each does, and the one that begins first tries for all.
   */
  private mind(status: Status): void {
    if (status.connected) {
      this.trying = false;
      this.failed = undefined;
      this.patience.reset();
    } else if (status.connecting) {
      this.trying = true;
    } else if (this.trying && status.downloadError) {
      this.trying = false;
      this.failed = status.downloadError;
      this.patience.wait();
      this.db.disconnect().catch((error: unknown) => console.warn(error));
    }
  }

  firstSync(): Promise<void> {
    return this.db.waitForFirstSync(this.ended.signal);
  }

  private async follow(): Promise<void> {
    const { signal } = this.ended;
    const tell = () => this.tell();
    signal.addEventListener("abort", this.db.registerListener({ statusChanged: tell }));
    for (const type of ["online", "offline"]) window.addEventListener(type, tell, { signal });
    const turn = () => void this.model.turn();
    document.addEventListener("visibilitychange", turn, { signal });
    const timer = setInterval(turn, TURN_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    const tables = schema.tables.map((table) => table.name);
    this.db.onChangeWithCallback({ onChange: ({ changedTables }) => this.changed(changedTables.map(plainName)) }, { tables, signal, throttleMs: 30 });
    this.db.onChangeWithCallback({ onChange: () => this.count() }, { tables: ["ps_crud"], signal, throttleMs: 30, triggerImmediate: true });
  }

  private async changed(tables: string[]): Promise<void> {
    await this.model.changed(tables);
    if (tables.includes("conflicts")) this.dispatchEvent(new Event("conflicts"));
  }

  private async count(): Promise<void> {
    const [row] = await this.db.getAll<{ n: number }>(sql.PENDING_COUNT);
    this.pendingCount = row?.n ?? 0;
    this.tell();
    this.dispatchEvent(new Event("pending"));
  }

  private tell(): void {
    if (this.ended.signal.aborted) return;
    const status = this.db.currentStatus;
    this.mind(status);
    this.calm.hear(stateOf(status, this.pendingCount, navigator.onLine, this.failed));
  }

  async pending(): Promise<Pending[]> {
    const rows = await this.db.getAll<{ id: number; data: string }>(sql.PENDING);
    return rows.map(({ id, data }) => {
      const entry = JSON.parse(data) as { op: Pending["op"]; type: string; id: string; data?: object; old?: object; metadata?: string };
      const meant = JSON.parse(entry.metadata ?? "{}") as { verb?: string; value?: number; at?: number };
      return {
        id, op: entry.op, table: entry.type, row: entry.id,
        data: { ...entry.data }, old: { ...entry.old }, verb: meant.verb ?? null, value: meant.value ?? null, at: meant.at ?? null,
      };
    });
  }

  conflicts(): Promise<ConflictRow[]> {
    return this.db.getAll<ConflictRow>(sql.CONFLICTS);
  }

  /** What a person calls the row: the name of a habit or a routine, or that of the habit a day belongs to. */
  async nameOf(table: string, id: string, data: Record<string, unknown> = {}): Promise<{ name: string | null; date: string | null }> {
    if (table === "completions" && !data["habit_id"]) {
      const [cell] = await this.db.getAll<{ habit_id: string; date: string }>(sql.CELL_BY_ID, [id]);
      if (cell) return this.nameOf(table, id, { ...cell });
    }
    const date = typeof data["date"] === "string" ? data["date"] : null;
    const [of, question] = table === "routines" ? [id, sql.NAMES.routines] as const : [String(data["habit_id"] ?? id), sql.NAMES.habits] as const;
    const [row] = await this.db.getAll<{ name: string }>(question, [of]);
    return { name: row?.name ?? (typeof data["name"] === "string" ? data["name"] : null), date };
  }

  /** Ends; with `clean` nothing stays on this device, also what was not sent. */
  async close(clean: boolean): Promise<void> {
    this.ended.abort();
    this.calm.stop();
    this.patience.stop();
    try {
      await this.db.disconnect();
      await this.db.close();
    } finally {
      this.letGo();
      if (clean) await wipe(this.db.database.name);
    }
  }
}

/** Changes are told of the tables beneath the views. */
function plainName(table: string): string {
  return table.replace(/^ps_data(_local)?__/, "");
}

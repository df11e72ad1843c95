import type { Api } from "./api";
import { randomId } from "./ids";
import type { Break, DayCell, Habit, HabitCommand, HabitPatch, List, NewBreak, NewHabit, Receipt, Today, TodayItem } from "./types";

/**
 * What the screens of habits stand on: one view of the day and of the habits, whichever layer brings it.
 *
 * - live (`LiveModel`): REST and the websocket; wherever the hub can be reached.
 * - sync (PowerSync Web): a database in the browser; reads and writes also without the hub, in secure contexts only.
 *
 * Events: `today` when the day changed, `rows` when habits (or anything else in the list of tables) did.
 */
export interface Model extends EventTarget {
  /** The day as it stands; null before it is known. */
  today: Today | null;
  /** All habits that are not deleted. */
  habits(): Promise<Habit[]>;
  /** A deed on a day: done, in part, an amount, left out, taken back, a lapse. */
  act(of: { habit_id: string; date: string }, command: HabitCommand, deed?: DeedBody): Promise<Receipt>;
  addHabit(fields: NewHabit): Promise<Habit>;
  changeHabit(id: string, fields: HabitPatch): Promise<void>;
  /** All breaks, past ones too. */
  breaks(): Promise<Break[]>;
  addBreak(fields: NewBreak): Promise<Break>;
  dropBreak(id: string): Promise<void>;
  /** Where a person may write a note on a day; `was` is the one they saw: another's, which they did not, is kept under conflicts. */
  note(of: { habit_id: string; date: string }, note: string, was?: string | null): Promise<void>;
  /** What stands on a habit's days, oldest first; a layer without it leaves that to the hub (`app/days.ts`). */
  days?(habit_id: string, from: string, to: string): Promise<DayCell[]>;
}

/** The body of a deed, as REST takes it (`docs/API.md`). */
export interface DeedBody {
  value?: number;
  set?: number;
  percent?: number;
  reason?: string;
  note?: string;
  event_id?: string;
  /** Of a phone's own database, to take back: the latest deed, whoever did it, though only the hub may know which it was. */
  latest?: boolean;
}

/** What screens hold on to: the one model there is, while the layer beneath it may change under a page that is open. */
export class CurrentModel extends EventTarget implements Model {
  private readonly pass = (event: Event) => void this.dispatchEvent(new Event(event.type));

  days?: NonNullable<Model["days"]>;

  constructor(private layer: Model) {
    super();
    this.use(layer);
  }

  get today(): Today | null {
    return this.layer.today;
  }

  use(layer: Model): void {
    for (const type of ["today", "rows"]) {
      this.layer.removeEventListener(type, this.pass);
      layer.addEventListener(type, this.pass);
    }
    const changed = layer !== this.layer;
    this.layer = layer;
    if (layer.days) this.days = layer.days.bind(layer);
    else delete this.days;
    if (changed) for (const type of ["today", "rows"]) this.dispatchEvent(new Event(type));
  }

  stands(on: Model): boolean {
    return this.layer === on;
  }

  habits(...of: Parameters<Model["habits"]>): ReturnType<Model["habits"]> {
    return this.layer.habits(...of);
  }

  act(...of: Parameters<Model["act"]>): ReturnType<Model["act"]> {
    return this.layer.act(...of);
  }

  addHabit(...of: Parameters<Model["addHabit"]>): ReturnType<Model["addHabit"]> {
    return this.layer.addHabit(...of);
  }

  changeHabit(...of: Parameters<Model["changeHabit"]>): ReturnType<Model["changeHabit"]> {
    return this.layer.changeHabit(...of);
  }

  breaks(): ReturnType<Model["breaks"]> {
    return this.layer.breaks();
  }

  addBreak(...of: Parameters<Model["addBreak"]>): ReturnType<Model["addBreak"]> {
    return this.layer.addBreak(...of);
  }

  dropBreak(...of: Parameters<Model["dropBreak"]>): ReturnType<Model["dropBreak"]> {
    return this.layer.dropBreak(...of);
  }

  note(...of: Parameters<Model["note"]>): ReturnType<Model["note"]> {
    return this.layer.note(...of);
  }
}

/** REST and the websocket. The session tells it what the websocket brought. */
export class LiveModel extends EventTarget implements Model {
  today: Today | null = null;

  constructor(private readonly api: Api) {
    super();
  }

  /** The websocket brought the day's view. */
  heard(today: Today): void {
    this.today = today;
    this.dispatchEvent(new Event("today"));
  }

  /** The websocket told of a change. */
  changed(): void {
    this.dispatchEvent(new Event("rows"));
  }

  async habits(): Promise<Habit[]> {
    const { items } = await this.api.get<List<Habit>>("/api/habits");
    if (!this.today) this.heard(await this.api.get<Today>("/api/today"));
    return items;
  }

  async act(of: { habit_id: string; date: string }, command: HabitCommand, deed: DeedBody = {}): Promise<Receipt> {
    const receipt = await this.api.post<Receipt>(`/api/habits/${of.habit_id}/${command}`, { date: of.date, ...deed });
    this.take(receipt.habit);
    return receipt;
  }

  async addHabit(fields: NewHabit): Promise<Habit> {
    return this.api.post<Habit>("/api/habits", fields);
  }

  async changeHabit(id: string, fields: HabitPatch): Promise<void> {
    await this.api.patch(`/api/habits/${id}`, fields);
  }

  async breaks(): Promise<Break[]> {
    const all: Break[] = [];
    for (let after: string | null = ""; after !== null; ) {
      const page: { items: Break[]; next?: string | null } = await this.api.get(`/api/pauses${after ? `?after=${encodeURIComponent(after)}` : ""}`);
      all.push(...page.items);
      after = page.next ?? null;
    }
    return all;
  }

  addBreak(fields: NewBreak): Promise<Break> {
    return this.api.post<Break>("/api/pauses", fields);
  }

  async dropBreak(id: string): Promise<void> {
    await this.api.delete(`/api/pauses/${encodeURIComponent(id)}`);
  }

  /** Words on a day are columns of its row; the door for rows is the one phones upload through. */
  async note(of: { habit_id: string; date: string }, note: string, was?: string | null): Promise<void> {
    const data = { habit_id: of.habit_id, date: of.date, note: note || null };
    const seen = was === undefined ? {} : { previous: { note: was } };
    await this.api.post("/api/data", { batch: [{ op: "PUT", table: "completions", id: randomId(), data, ...seen }] });
    this.changed();
  }

  /** The answer is newer than the view on the screen; the websocket brings the same a moment later. */
  private take(after: TodayItem): void {
    const today = this.today;
    if (!today || today.date !== after.date) return;
    this.heard({ ...today, items: today.items.map((item) => (item.habit_id === after.habit_id ? after : item)) });
  }
}

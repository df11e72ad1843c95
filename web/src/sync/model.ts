import { cellId, timedId } from "../ids";
import type { DeedBody, Model } from "../model";
import { inOrder } from "../rules";
import type { Break, DayCell, Habit, HabitCommand, HabitPatch, Me, NewBreak, NewHabit, Receipt, Today, TodayItem } from "../types";
import { type Day, logicalDay, type Person, toDay, toText } from "./calendar";
import { actorOf, cellsOf, type DayRows, habitOf, itemOf, planOf, todayOf, typeOf } from "./day";
import { backTo, type Deed, deedOf, less, type Measure, type Shape, sameShape, shapeOf } from "./deed";
import type { Story } from "./past";
import type { CellRow, HabitRow, PauseRow, ProfileRow, ScheduleRow } from "./rows";
import * as sql from "./sql";
import { change, insert, remove } from "./write";

/** The part of the database that is used here, so that tests can bring another. */
export interface Reader {
  getAll<Row>(sql: string, parameters?: unknown[]): Promise<Row[]>;
}
export interface Writer extends Reader {
  execute(sql: string, parameters?: unknown[]): Promise<unknown>;
}
export interface Store extends Reader {
  writeTransaction<R>(work: (writer: Writer) => Promise<R>): Promise<R>;
}

/** What of the hub is asked directly. */
export type Hub = Pick<Model, "act" | "addBreak" | "dropBreak">;

/** How many deeds can be taken back one by one; older ones all at once. */
const REMEMBERED = 50;

/** A deed of this page, to be taken back. To take back is one, too: so it can be put back. */
interface Done {
  token: string;
  undid: boolean;
  cell: string;
  before: Shape;
  after: Shape;
  deed: Deed;
}

/** Something that cannot be done, in words for the person. */
export class Refusal extends Error {}

/**
 * The habits in the phone's own database: everything works without the hub, and is brought to it by PowerSync.
 *
 * It writes days as `docs/SYNC.md` says: under their derived ids, with what was meant and when beside each write.
 */
export class SyncModel extends EventTarget implements Model {
  today: Today | null = null;
  private rows: DayRows = { habits: [], schedules: [], pauses: [], cells: [] };
  private person: Person;
  private readonly done: Done[] = [];
  private loading: Promise<void> | null = null;
  private again = false;

  constructor(
    private readonly store: Store,
    private readonly me: Pick<Me, "user_id" | "tz" | "day_start_min" | "week_start">,
    private readonly now: () => number = Date.now,
    /** Does what only the hub can: takes a deed back by the id it has there, or gives a person a break from what all do. */
    private readonly hub?: Hub,
  ) {
    super();
    this.person = me;
  }

  /** The day that is now. */
  private get present(): Day {
    return logicalDay(this.now(), this.person);
  }

  /** The database changed, here or by the hub. */
  async changed(tables: string[]): Promise<void> {
    await this.load();
    if (tables.some((table) => table !== "completions")) this.dispatchEvent(new Event("rows"));
  }

  /** A new day may have begun while the page was open. */
  async turn(): Promise<void> {
    if (this.today && this.today.date !== toText(this.present)) await this.load();
  }

  /** Reads the day. Called again while it reads, it reads once more afterwards. */
  load(): Promise<void> {
    if (this.loading) {
      this.again = true;
      return this.loading;
    }
    this.loading = this.read().finally(() => {
      this.loading = null;
      if (!this.again) return;
      this.again = false;
      return this.load();
    });
    return this.loading;
  }

  private async read(): Promise<void> {
    const [habits, schedules, pauses, profile] = await Promise.all([
      this.store.getAll<HabitRow>(sql.HABITS),
      this.store.getAll<ScheduleRow>(sql.SCHEDULES),
      this.store.getAll<PauseRow>(sql.PAUSES),
      this.store.getAll<ProfileRow>(sql.PROFILE, [this.me.user_id]),
    ]);
    this.person = personOf(profile[0], this.me);
    const rows: DayRows = { habits, schedules, pauses, cells: [] };
    const day = this.present;
    rows.cells = await this.cellsAround(day, rows);
    this.rows = rows;
    this.show(todayOf(rows, this.person, this.me.user_id, day));
  }

  /** The day's cells; and those of its periods, where a quota makes other days decide. */
  private async cellsAround(day: Day, rows: DayRows, of = rows.habits): Promise<CellRow[]> {
    const date = toText(day);
    const one = of.length === 1 ? of[0] : undefined;
    const ofDay = one ? this.store.getAll<CellRow>(sql.CELLS, [one.id, date]) : this.store.getAll<CellRow>(sql.DAY, [date]);
    const others = of.map(async (habit) => {
      const around = planOf(habit, rows, this.person).around(day);
      // No more than that: what a phone reads first of all comes page by page, and is most of what opening takes.
      const period = around ? await this.store.getAll<CellRow>(sql.PERIOD, [habit.id, toText(around[0]), toText(around[1])]) : [];
      return period.filter((cell) => cell.date !== date);
    });
    return (await Promise.all([ofDay, ...others])).flat();
  }

  private show(today: Today): void {
    this.today = today;
    this.dispatchEvent(new Event("today"));
  }

  async habits(): Promise<Habit[]> {
    const habits = await this.store.getAll<HabitRow>(sql.HABITS);
    if (!this.today) await this.load();
    return inOrder(habits).map(habitOf);
  }

  async act(of: { habit_id: string; date: string }, command: HabitCommand, body: DeedBody = {}): Promise<Receipt> {
    if (this.hub && body.event_id && !this.done.some(({ token }) => token === body.event_id)) return this.hub.act(of, command, body);
    const day = toDay(of.date);
    const habit = await this.habit(of.habit_id);
    if (day === null || day > this.present) throw new Refusal("");
    const actor = actorOf(habit, this.me.user_id);
    const id = await cellId(habit.id, of.date, actor);
    const schedule = planOf(habit, this.rows, this.person).on(day);
    const written = await this.store.writeTransaction(async (writer) => {
      const cells = await writer.getAll<CellRow>(sql.CELLS, [habit.id, of.date]);
      const cell = cells.find((cell) => (cell.actor ?? "") === actor);
      const before = shapeOf(cell);
      const deed = this.deed(command, body, { cell: id, before, measure: schedule, step: habit.step ?? 1 });
      if (deed === undefined) return deed;
      const same = deed !== null && deed.verb !== "add" && sameShape(before, shapeOf(deed.shape));
      if (!deed || (same && body.note === undefined)) return null;
      await this.writeCell(writer, cell, { id, habit_id: habit.id, date: of.date, actor }, deed, body.note);
      return { before, deed };
    });
    if (written === undefined) return (this.hub as Hub).act(of, command);
    const token = written ? this.remember(command === "undo", id, written.before, written.deed) : null;
    const item = await this.item(habit, day);
    return { seq: 0, outcome: written ? "applied" : "unchanged", event_id: token, habit: item };
  }

  private async habit(id: string): Promise<HabitRow> {
    const habit = this.rows.habits.find((habit) => habit.id === id) ?? (await this.store.getAll<HabitRow>(sql.HABIT, [id]))[0];
    if (!habit) throw new Refusal("");
    return habit;
  }

  /**
   * What to write, given how the day stands. Who takes back is shown the day as it was before, where this page knows it; undefined
   * where the hub is to be asked.
   */
  private deed(
    command: HabitCommand,
    body: DeedBody,
    { cell, before, measure, step }: { cell: string; before: Shape; measure: Measure; step: number },
  ): Deed | null | undefined {
    if (command !== "undo") return deedOf(command, body, before, measure);
    const { event_id } = body;
    const known = this.done.findLastIndex((done) => (event_id ? done.token === event_id : done.cell === cell && !done.undid));
    const done = known < 0 ? undefined : this.done.splice(known, 1)[0];
    // What somebody else did since is not to be undone with it.
    if (done && (event_id || sameShape(done.after, before))) return backTo(done.before, before, done.deed, measure);
    if (body.latest && this.hub) return undefined;
    return measure.kind === "measurable" ? less(step, before, measure) : deedOf("undo", body, before, measure);
  }

  private remember(undid: boolean, cell: string, before: Shape, deed: Deed): string {
    const token = timedId(this.now());
    this.done.push({ token, undid, cell, before, after: shapeOf(deed.shape), deed });
    if (this.done.length > REMEMBERED) this.done.shift();
    return token;
  }

  private async writeCell(
    writer: Writer,
    cell: CellRow | undefined,
    key: Pick<CellRow, "id" | "habit_id" | "date"> & { actor: string },
    { shape, verb, value }: Deed,
    note: string | undefined,
  ): Promise<void> {
    const meant = JSON.stringify({ verb, ...(value === undefined ? {} : { value }), at: this.now() });
    const words = note === undefined ? (cell?.note ?? null) : note || null;
    const stands = { ...shapeOf(shape), note: words, completed_at: this.now() };
    if (!cell) {
      const { id, ...of } = key;
      if (shape || words) await insert(writer, "completions", id, { ...of, ...stands, completed_by: this.me.user_id }, meant);
    } else if (!shape && verb === "undo" && !words && cell.energy_level === null) {
      // Words stay when a deed is taken back; a row without any goes.
      await remove(writer, "completions", cell.id, meant);
    } else {
      await change(writer, "completions", cell.id, stands, meant);
    }
  }

  /** How the day stands now; the list on the screen shows it at once. */
  private async item(habit: HabitRow, day: Day): Promise<TodayItem> {
    const cells = await this.cellsAround(day, this.rows, [habit]);
    const plan = planOf(habit, this.rows, this.person);
    const item = itemOf(habit, plan, cellsOf(habit, { ...this.rows, cells }, this.me.user_id), day);
    if (this.today?.date === item.date) {
      const others = this.rows.cells.filter((cell) => cell.habit_id !== habit.id);
      this.rows = { ...this.rows, cells: [...others, ...cells] };
      this.show(todayOf(this.rows, this.person, this.me.user_id, day));
    }
    return item;
  }

  async addHabit(fields: NewHabit): Promise<Habit> {
    const id = await this.make("habits", { status: "ACTIVE", ...fields });
    return habitOf(await this.habit(id));
  }

  /** Makes a row of the person's own. */
  private async make(table: "habits" | "pauses", fields: object): Promise<string> {
    const id = timedId(this.now());
    const columns = { scope: `u:${this.me.user_id}`, user_id: this.me.user_id, created_at: this.now(), ...fields };
    await this.write((writer) => insert(writer, table, id, columns, this.moment));
    return id;
  }

  /** Writes, and reads the day anew. */
  private async write(work: (writer: Writer) => Promise<void>): Promise<void> {
    await this.store.writeTransaction(work);
    await this.load();
  }

  /** When it is written, as the hub wants to know. */
  private get moment(): string {
    return JSON.stringify({ at: this.now() });
  }

  async changeHabit(id: string, fields: HabitPatch): Promise<void> {
    if (Object.keys(fields).length === 0) return;
    await this.write(async (writer) => {
      if (fields.status === "ACTIVE") await this.endRest(writer, id);
      await change(writer, "habits", id, fields, this.moment);
    });
  }

  /** Who goes on has had their break until yesterday. The hub would say so; here it is to be seen without it, too. */
  private async endRest(writer: Writer, habit: string): Promise<void> {
    for (const { id, from_date } of await writer.getAll<{ id: string; from_date: string }>(sql.RESTS, [habit])) {
      if (from_date >= toText(this.present)) await remove(writer, "pauses", id, this.moment);
      else await change(writer, "pauses", id, { to_date: toText(this.present - 1) }, this.moment);
    }
  }

  breaks(): Promise<Break[]> {
    return this.store.getAll<Break>(sql.PAUSES);
  }

  /**
   * The hub, where a break is from what a household does: what a phone writes to such a habit is the household's, and only the
   * hub knows one of one's own.
   */
  private hubFor(habit_id: string | null | undefined): Hub | undefined {
    return this.rows.habits.find(({ id }) => id === habit_id)?.scope?.startsWith("h:") ? this.hub : undefined;
  }

  async addBreak(fields: NewBreak): Promise<Break> {
    return this.hubFor(fields.habit_id)?.addBreak(fields) ?? { ...fields, id: await this.make("pauses", fields) };
  }

  async dropBreak(id: string): Promise<void> {
    const hub = this.hubFor((await this.breaks()).find((one) => one.id === id)?.habit_id);
    await (hub?.dropBreak(id) ?? this.write((writer) => remove(writer, "pauses", id, this.moment)));
  }

  async days(habit_id: string, from: string, to: string): Promise<DayCell[]> {
    const habit = await this.habit(habit_id);
    const cells = cellsOf(habit, { ...this.rows, cells: await this.store.getAll<CellRow>(sql.PERIOD, [habit_id, from, to]) }, this.me.user_id);
    return cells
      .sort((a, b) => (a.date < b.date ? -1 : 1))
      .map((cell) => ({
        date: cell.date, type: typeOf(cell), percent: cell.partial_percent, value: cell.amount, skip_reason: cell.skip_reason, note: cell.note,
        // What was done here was done in the app; the hub will say the same.
        source: cell.source ?? "app",
      }));
  }

  /** The past, told from what is here. It comes late: the day does not need it. */
  async past(): Promise<Story> {
    const { Story } = await import("./past");
    return new Story({ store: this.store, rows: this.rows, person: this.person, me: this.me.user_id, today: this.present }, (id) => this.habit(id));
  }

  async note(of: { habit_id: string; date: string }, note: string, was?: string | null): Promise<void> {
    const habit = await this.habit(of.habit_id);
    const actor = actorOf(habit, this.me.user_id);
    const id = await cellId(habit.id, of.date, actor);
    const at = JSON.stringify({ at: this.now(), ...(was === undefined ? {} : { seen: { note: was } }) });
    await this.store.writeTransaction(async (writer) => {
      const cells = await writer.getAll<CellRow>(sql.CELLS, [habit.id, of.date]);
      const cell = cells.find((cell) => (cell.actor ?? "") === actor);
      if (!cell) {
        if (note) await insert(writer, "completions", id, { habit_id: habit.id, date: of.date, actor, note }, at);
      } else if (!note && typeOf(cell) === null && cell.energy_level === null) {
        await remove(writer, "completions", cell.id, at);
      } else {
        await change(writer, "completions", cell.id, { note: note || null }, at);
      }
    });
    this.dispatchEvent(new Event("rows"));
  }
}

function personOf(profile: ProfileRow | undefined, me: Person): Person {
  if (!profile) return me;
  return { tz: profile.tz || me.tz, day_start_min: profile.day_start_min ?? me.day_start_min, week_start: profile.week_start ?? me.week_start };
}

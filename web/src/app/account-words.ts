import { amount, locale } from "../i18n";
import { words } from "../texts/account";

/** What waits to be sent, and what could not be brought together, as a person would say it. */

export type Columns = Record<string, unknown>;

/** A change that was made here. */
export interface Change {
  op: "PUT" | "PATCH" | "DELETE";
  table: string;
  data: Columns;
  verb: string | null;
  value?: number | null;
}

export function kindOf(table: string | null): string {
  return words.of[table ?? ""] ?? (words.of["other"] as string);
}

const dates = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const moments = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const days = new Intl.DateTimeFormat(locale, { dateStyle: "long" });

export function dateText(date: string | null): string {
  const at = date ? new Date(`${date}T12:00:00Z`) : null;
  return at && !Number.isNaN(at.getTime()) ? dates.format(at) : "";
}

/** The day of a moment. */
export function dateOf(at: number): string {
  return days.format(at);
}

export function momentText(at: number): string {
  return moments.format(at);
}

/** What was done: "done", "2 more", "changed: name". */
export function changeText({ op, table, data, verb, value }: Change): string {
  if (table === "completions") {
    const said = deedText(verb, value ?? null, data);
    if (said) return said;
    if (op === "DELETE") return words.takenBack;
    if (typeof data["note"] === "string") return words.wrote(short(data["note"]));
    return "note" in data ? words.noted : standsText(data);
  }
  if (op === "DELETE") return words.removed;
  if (op === "PUT") return words.made;
  return words.changed(namesOf(data).join(", "));
}

function deedText(verb: string | null, value: number | null, data: Columns): string | null {
  switch (verb) {
    case "full":
      return words.done;
    case "partial":
      return words.part(amount(value ?? 50));
    case "add":
      return value !== null && value < 0 ? words.less(amount(-value)) : words.added(amount(value ?? 1));
    case "set":
      return words.amountOf(amount(value ?? Number(data["amount"] ?? 0)));
    case "skip":
      return words.skipped;
    case "undo":
      return words.takenBack;
    case "lapse":
      return words.lapsed;
    default:
      return null;
  }
}

/** How values stand: of a day as one says it, of anything else column by column. */
export function valuesText(table: string | null, values: Columns): string {
  if ("deleted_at" in values) return values["deleted_at"] === null ? words.there : words.removed;
  if (table === "completions") return standsText(values);
  const parts = Object.entries(values).map(([column, value]) => `${nameOf(column)}: ${valueText(value)}`);
  return parts.join(", ") || words.nothing;
}

function standsText(values: Columns): string {
  const { type, amount: sum, partial_percent: percent, note, energy_level: energy } = values;
  const said: string[] = [];
  if (type === "SKIPPED") said.push(words.skipped);
  else if (type === "MISSED") said.push(words.lapsed);
  else if (typeof sum === "number") said.push(words.amountOf(amount(sum)));
  else if (type === "FULL") said.push(words.done);
  else if (type === "PARTIAL" || typeof percent === "number") said.push(words.part(amount(Number(percent ?? 50))));
  if (typeof note === "string" && note) said.push(words.wrote(short(note)));
  if (typeof energy === "number") said.push(`${nameOf("energy_level")}: ${energy}`);
  return said.join(", ") || words.nothing;
}

function namesOf(data: Columns): string[] {
  return [...new Set(Object.keys(data).map(nameOf))];
}

/** A column nobody has described yet is shown by its own name, readable. */
function nameOf(column: string): string {
  return words.columns[column] ?? column.replaceAll("_", " ");
}

function valueText(value: unknown): string {
  if (value === null || value === undefined || value === "") return words.nothing;
  if (typeof value === "number") return amount(value);
  return words.wrote(short(typeof value === "string" ? value : JSON.stringify(value)));
}

function short(text: string): string {
  const letters = Array.from(text);
  return letters.length > 80 ? `${letters.slice(0, 79).join("")}…` : text;
}

/** Reads a column that holds JSON; nothing where it holds none. */
export function columnsOf(json: string | null): Columns {
  try {
    const value: unknown = JSON.parse(json ?? "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Columns) : {};
  } catch {
    return {};
  }
}

/** The first of the operations that were set aside, as far as it can be read. */
export function asideOf(json: string | null): Change | null {
  try {
    const [first] = JSON.parse(json ?? "[]") as { op?: string; type?: string; table?: string; data?: Columns; metadata?: unknown; large?: boolean }[];
    if (!first || typeof first !== "object") return null;
    const meant = typeof first.metadata === "string" ? columnsOf(first.metadata) : {};
    const op = first.op === "DELETE" || first.op === "PATCH" ? first.op : "PUT";
    return {
      op, table: first.type ?? first.table ?? "", data: { ...first.data },
      verb: typeof meant["verb"] === "string" ? meant["verb"] : null, value: typeof meant["value"] === "number" ? meant["value"] : null,
    };
  } catch {
    return null;
  }
}

/** UTC for who chose it. Plain `UTC` is what an account begins with, until a browser tells where it is (`session.ts`). */
const CHOSEN_UTC = "Etc/UTC";

/** All time zones this browser knows, and the person's own, should it be none of them. */
export function zones(own: string): { tz: string; name: string; own: boolean }[] {
  const chosen = (tz: string) => (tz === "UTC" ? CHOSEN_UTC : tz);
  const all = new Set([...Intl.supportedValuesOf("timeZone"), "UTC", own].map(chosen));
  return [...all].map((tz) => ({ tz, name: tz === CHOSEN_UTC ? "UTC" : tz.replaceAll("_", " "), own: tz === chosen(own) })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

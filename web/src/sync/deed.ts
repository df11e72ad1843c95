import type { DeedBody } from "../model";
import type { HabitCommand } from "../types";
import type { Schedule } from "./due";
import type { CellRow } from "./rows";

/**
 * A deed on a day, as a phone writes it: how the day's row is to look, and, for the hub, what was meant.
 *
 * The hub keeps the deed (`docs/SYNC.md`, Days) and sends back how the day stands; until then the row shows what follows from
 * the deed here. Both come to the same where nobody else acts on that day.
 */

/** What of a day says how it stands. */
export type Shape = Pick<CellRow, "type" | "partial_percent" | "amount" | "skip_reason">;

/** How a habit is measured on the day. */
export type Measure = Pick<Schedule, "kind" | "atMost" | "target">;

export interface Deed {
  /** Null: nothing stands any more. */
  shape: Shape | null;
  verb: "full" | "partial" | "add" | "set" | "skip" | "undo" | "lapse";
  value?: number;
}

const NOTHING: Shape = { type: null, partial_percent: null, amount: null, skip_reason: null };

export function shapeOf(cell: Shape | null | undefined): Shape {
  if (!cell) return NOTHING;
  return { type: cell.type, partial_percent: cell.partial_percent, amount: cell.amount, skip_reason: cell.skip_reason };
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.type === b.type && a.partial_percent === b.partial_percent && a.amount === b.amount && a.skip_reason === b.skip_reason;
}

/** What a tap writes; null: nothing, since there is nothing to take back. */
export function deedOf(command: HabitCommand, body: DeedBody, before: Shape, measure: Measure): Deed | null {
  switch (command) {
    case "skip":
      return { shape: { ...NOTHING, type: "SKIPPED", amount: before.amount || null, skip_reason: body.reason ?? null }, verb: "skip" };
    case "lapse":
      return { shape: { ...NOTHING, type: "MISSED", amount: before.amount || null }, verb: "lapse" };
    case "undo":
      return takenBack(before, measure);
    case "complete":
      return measure.kind === "measurable" ? counted(body, before, measure) : plain(body);
  }
}

function plain(body: DeedBody): Deed {
  if (body.percent !== undefined) return { shape: partial(body.percent, null), verb: "partial", value: body.percent };
  return { shape: { ...NOTHING, type: "FULL" }, verb: "full" };
}

function counted(body: DeedBody, before: Shape, measure: Measure): Deed {
  const target = measure.target ?? 1;
  const had = before.amount ?? 0;
  if (body.set !== undefined) return { shape: amounted(body.set, measure), verb: "set", value: body.set };
  if (body.percent !== undefined) return { shape: amounted((target * body.percent) / 100, measure), verb: "partial", value: body.percent };
  if (body.value === undefined) return { shape: amounted(Math.max(had, target), measure), verb: "set", value: Math.max(had, target) };
  return { shape: amounted(Math.max(0, had + body.value), measure), verb: "add", value: body.value };
}

/** Takes back all that stands. A step less of an amount is `add` with a negative value. */
function takenBack(before: Shape, measure: Measure): Deed | null {
  if (before.type === null) return null;
  if (measure.kind === "measurable" && before.type === "SKIPPED" && before.amount) {
    // What had been counted before it was left out stands again.
    return { shape: amounted(before.amount, measure), verb: "set", value: before.amount };
  }
  return { shape: null, verb: "undo" };
}

/** A step less of what is counted, as the button says it; what others add at the same time stays. */
export function less(step: number, before: Shape, measure: Measure): Deed | null {
  if (before.type !== "PARTIAL" && before.type !== "FULL") return takenBack(before, measure);
  const had = before.amount ?? 0;
  if (had <= step) return { shape: null, verb: "add", value: -had };
  return { shape: amounted(had - step, measure), verb: "add", value: -step };
}

/** Takes one deed back whose traces are known: the day was so before it, and is to be so again. */
export function backTo(before: Shape, now: Shape, done: Deed, measure: Measure): Deed {
  if (measure.kind === "measurable" && done.verb === "add" && now.type !== "SKIPPED") {
    const value = -(done.value ?? 0);
    const amount = Math.max(0, (now.amount ?? 0) + value);
    return { shape: amount > 0 || measure.atMost ? amounted(amount, measure) : null, verb: "add", value };
  }
  switch (before.type) {
    case "SKIPPED":
      return { shape: before, verb: "skip" };
    case "PARTIAL":
    case "FULL":
      if (measure.kind === "measurable") return { shape: before, verb: "set", value: before.amount ?? 0 };
      if (before.type === "FULL") return { shape: before, verb: "full" };
      return { shape: before, verb: "partial", value: before.partial_percent ?? 50 };
    case "MISSED":
    default:
      return { shape: null, verb: "undo" };
  }
}

function partial(percent: number, amount: number | null): Shape {
  return { ...NOTHING, type: "PARTIAL", partial_percent: percent, amount };
}

/** How an amount stands against its target: as `counted` in `hub/core/src/fold.rs`. */
function amounted(sum: number, { atMost, target }: Measure): Shape | null {
  // Sums of what people write in decimals: ten tenths are one.
  const amount = Math.round(sum * 1e6) / 1e6;
  const wanted = target && target > 0 ? target : 1;
  if (!atMost && amount <= 0) return null;
  if (atMost ? amount <= wanted : amount >= wanted) return { ...NOTHING, type: "FULL", amount };
  return partial(percentOf(atMost ? 1 - (amount - wanted) / wanted : amount / wanted), amount);
}

function percentOf(share: number): number {
  return Math.min(99, Math.max(1, Math.floor(share * 100 + 1e-9)));
}

import type { DayEvent, Run, RunStep } from "../types";

/** What the run screen works out, free of the DOM. */

/** How many steps were answered, and how many there are. */
export function progress(run: Run): { answered: number; total: number } {
  return { answered: run.steps.filter((step) => step.result !== null).length, total: run.steps.length };
}

/** The steps that were done, wholly or in part. */
export function doneSteps(run: Run): RunStep[] {
  return run.steps.filter((step) => step.result === "done" || step.result === "partial");
}

export function skippedSteps(run: Run): RunStep[] {
  return run.steps.filter((step) => step.result === "skip");
}

/** The step after the present one that still waits. */
export function nextStep(run: Run): RunStep | undefined {
  return run.steps.slice(run.current_step_index + 1).find((step) => step.result === null);
}

/** Nothing waits any more, and the run is not finished yet. */
export function isThrough(run: Run): boolean {
  return run.current === null && (run.status === "IN_PROGRESS" || run.status === "PAUSED");
}

export function isOver(run: Run): boolean {
  return run.status === "COMPLETED" || run.status === "ABANDONED";
}

/** How long the present step has been going on, in seconds. `ahead`: how far the hub's clock is before ours, in ms. */
export function elapsed(run: Run, now: number, ahead: number): number {
  const step = run.current;
  if (!step) return 0;
  if (run.status === "PAUSED") {
    const left = run.current_step_remaining_seconds;
    return left === null || step.seconds === null ? 0 : Math.max(0, step.seconds - left);
  }
  return step.began_at === null ? 0 : Math.max(0, (now + ahead - step.began_at) / 1000);
}

/**
 * Which run to show: what goes on comes first, and a summary stays until something goes on.
 *
 * `current` is what the hub says goes on or waits; `shown` what is on the screen, as the hub has it now.
 */
export function choose(shown: Run | null, current: Run | null): Run | null {
  if (current?.status === "IN_PROGRESS") return current;
  if (shown && isOver(shown)) return shown;
  return current ?? shown;
}

/** The event that a step of a finished run became: it happened when the step was answered, and was not taken back. */
export function eventOf(step: RunStep, events: DayEvent[]): DayEvent | undefined {
  const gone = new Set(events.map((event) => event.undo_of));
  return events.find((event) => event.verb !== "undo" && event.occurred_at === step.at && !gone.has(event.id));
}

/** Moves what stands at `from` to `to`; a place outside of the list moves nothing. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const next = [...list];
  if (from < 0 || from >= next.length || to < 0 || to >= next.length) return next;
  next.splice(to, 0, ...next.splice(from, 1));
  return next;
}

/** Where a thing that is held at height `y` belongs among rows with these middles. */
export function dropIndex(from: number, y: number, middles: readonly number[]): number {
  let to = from;
  while (to > 0 && y < (middles[to - 1] as number)) to -= 1;
  while (to < middles.length - 1 && y > (middles[to + 1] as number)) to += 1;
  return to;
}

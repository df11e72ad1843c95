/** What is the same of a habit wherever it comes from: the hub's rows, or the phone's own. */

interface Ordered {
  id: string;
  sort_key?: string | null;
  created_at?: number | null;
}

/** The person's order, as the hub has it: their own, then the oldest first. */
export function inOrder<Row extends Ordered>(habits: Row[]): Row[] {
  const key = (habit: Row) => [habit.sort_key ?? "", habit.created_at ?? 0, habit.id] as const;
  return [...habits].sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    for (const n of [0, 1, 2] as const) if (left[n] !== right[n]) return left[n] < right[n] ? -1 : 1;
    return 0;
  });
}

/** Whether a day without a word is as good as done: staying away, or an amount that is not to be passed. */
export function keptByNothing(kind: string | null, atMost: boolean): boolean {
  return kind === "avoid" || (kind === "measurable" && atMost);
}

/** An operation as it is uploaded (`docs/SYNC.md`). */
interface Operation {
  old?: Record<string, unknown>;
  metadata?: string;
}

/**
 * Tells the hub what the person saw when they wrote, where that was noted beside the write.
 *
 * PowerSync's `old` is what stood in the database. Another's words may have come in while somebody typed: they were never read,
 * and what is written over them is to be kept.
 */
export function asSeen<T extends Operation>(operation: T): T {
  const { seen } = JSON.parse(operation.metadata ?? "{}") as { seen?: Record<string, unknown> };
  return seen ? { ...operation, old: { ...operation.old, ...seen } } : operation;
}

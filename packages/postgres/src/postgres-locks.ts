import { createHash } from 'node:crypto';
import type { WorkOptions } from '@ogong/host/store/work-store';

const locks = new Map<string, string>();

/** Takes the lock of this name until the transaction ends. */
export function lock(name: string): string {
  const known =
    locks.get(name) ??
    `SELECT pg_advisory_xact_lock(${createHash('sha256').update(`ogong ${name}`).digest().readBigInt64BE()})`;
  locks.set(name, known);
  return known;
}

/**
 * Most name locks of a transaction; the database has room for thousands. Two names with one lock only wait for each other without
 * need.
 */
const NAME_LOCKS = 128;
const NAME_CLASS = 0x6f676f77;

/**
 * Returns a statement that takes the locks of a batch until its transaction ends. Work that may touch everything has the lock of
 * all writes for itself. Other work shares it, and locks each of its names. The order is the same everywhere, so that no two
 * transactions wait for each other.
 */
export function lockAll(batch: readonly Pick<WorkOptions, 'touches'>[]): string {
  const slots = new Set<number>();
  for (const { touches } of batch) {
    if (touches === undefined) return lock('write');
    for (const name of touches) slots.add(createHash('sha256').update(name).digest().readUInt32BE() % NAME_LOCKS);
  }
  const shared = lock('write').replace('xact_lock', 'xact_lock_shared');
  if (slots.size === 0) return shared;
  const sorted = [...slots].sort((a, b) => a - b).join(',');
  return `${shared}; SELECT pg_advisory_xact_lock(${NAME_CLASS}, slot) FROM unnest(ARRAY[${sorted}]) AS slot`;
}

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

/** A transaction has at most so many locks of names; the database has room for thousands. Names that share one wait in vain, and no more. */
const NAME_LOCKS = 128;
const NAME_CLASS = 0x6f676f77;

/**
 * What a batch waits for until its transaction ends. Work that may touch everything has the lock of all writes for itself. Other work shares
 * it, and has a lock for each of its names, in one order everywhere, so that no two transactions wait for each other.
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

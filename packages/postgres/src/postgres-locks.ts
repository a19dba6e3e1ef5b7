import { createHash } from 'node:crypto';
import type { WorkOptions } from '@ogong/host/store/work-store';

/** Statements that take locks. Stores in different namespaces of one database do not wait for each other. */
export interface LockStatements {
  /** Takes the lock of this name until the transaction ends. */
  take(name: string): string;
  /** Shares it. */
  share(name: string): string;
  /**
   * Takes the locks of a batch until its transaction ends. Work that may touch everything has the lock of all writes for itself. Other
   * work shares it, and locks each of its names. The order is the same everywhere, so that no two transactions wait for each other.
   */
  takeAll(batch: readonly Pick<WorkOptions, 'touches'>[]): string;
}

/**
 * Most name locks of a transaction; the database has room for thousands. Two names with one lock only wait for each other without
 * need.
 */
const NAME_LOCKS = 128;
const NAME_CLASS = 0x6f676f77;

/** A signed number of 64 bits. */
export const toLockKey = (namespace: string, name: string): bigint =>
  createHash('sha256').update(`ogong ${namespace} ${name}`).digest().readBigInt64BE();

const toSlot = (name: string): number => createHash('sha256').update(name).digest().readUInt32BE() % NAME_LOCKS;

export function createLockStatements(namespace: string): LockStatements {
  const take = (name: string): string => `SELECT pg_advisory_xact_lock(${toLockKey(namespace, name)})`;
  const share = (name: string): string => `SELECT pg_advisory_xact_lock_shared(${toLockKey(namespace, name)})`;
  const [takeWrites, shareWrites] = [take('write'), share('write')];
  return {
    take,
    share,
    takeAll(batch) {
      const slots = new Set<number>();
      for (const { touches } of batch) {
        if (touches === undefined) return takeWrites;
        for (const name of touches) slots.add(toSlot(name));
      }
      if (slots.size === 0) return shareWrites;
      const sorted = [...slots].sort((a, b) => a - b).join(',');
      return `${shareWrites}; SELECT pg_advisory_xact_lock(${NAME_CLASS}, slot) FROM unnest(ARRAY[${sorted}]) AS slot`;
    },
  };
}

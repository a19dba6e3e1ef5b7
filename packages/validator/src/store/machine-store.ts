import { bigInteger, bytes, columns } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';

/** Evidence for which this validator signed, so that others can check it again. */
export interface StoredMachine {
  /** SHA-256 of the evidence. */
  readonly hash: Uint8Array;
  readonly providerId: Uint8Array;
  /** JSON. */
  readonly evidence: Uint8Array;
  readonly epoch: bigint;
}

/** Most entries, 256 KiB each at most. The oldest are deleted first. */
const MAX_KEPT = 512;

const keptColumns = columns({ hash: bytes, providerId: bytes, evidence: bytes, epoch: bigInteger });

/**
 * Stores the newest evidence of each provider, beside the one that the chain names. So a further signature of one
 * provider deletes nothing of others. Call it inside one transaction. @param entered hash of the evidence that the
 * chain names for the provider.
 */
export function keepMachine(store: Store, kept: StoredMachine, entered: Uint8Array = new Uint8Array()): void {
  store
    .prepare('DELETE FROM machines WHERE provider_id = ? AND epoch <= ? AND hash <> ?')
    .run(kept.providerId, kept.epoch, entered);
  keptColumns.insert(store, 'INSERT OR REPLACE INTO machines', kept);
  store
    .prepare('DELETE FROM machines WHERE hash NOT IN (SELECT hash FROM machines ORDER BY epoch DESC, hash LIMIT ?)')
    .run(MAX_KEPT);
}

export const findMachineEvidence = (store: Store, hash: Uint8Array): StoredMachine | undefined =>
  keptColumns.get(store.prepare(`SELECT ${keptColumns.list} FROM machines WHERE hash = ?`), hash);

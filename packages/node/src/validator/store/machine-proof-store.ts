import { bytes, columns, integer } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';

/** What ejects a provider for its machine, as this validator found or signed it. */
export interface KeptProof {
  /** SHA-256 of the proof. */
  readonly hash: Uint8Array;
  readonly providerId: Uint8Array;
  /** Which ejection of the provider it is to be. One that was lifted does not come back by the same proof. */
  readonly ejection: number;
  readonly proof: Uint8Array;
  readonly notedMs: number;
}

const MAX_KEPT = 64;
const MAX_OF_PROVIDER = 4;

const proofColumns = columns({ hash: bytes, providerId: bytes, ejection: integer, proof: bytes, notedMs: integer });

/** A proof that is kept stays as it is. The newest of each provider, and of all, are kept. Call it inside one transaction. */
export function keepProof(store: Store, kept: KeptProof): void {
  proofColumns.insert(store, 'INSERT OR IGNORE INTO machine_proofs', kept);
  store
    .prepare(
      `DELETE FROM machine_proofs WHERE provider_id = ? AND hash NOT IN
        (SELECT hash FROM machine_proofs WHERE provider_id = ? ORDER BY noted_ms DESC, hash LIMIT ?)`,
    )
    .run(kept.providerId, kept.providerId, MAX_OF_PROVIDER);
  store
    .prepare(
      'DELETE FROM machine_proofs WHERE hash NOT IN (SELECT hash FROM machine_proofs ORDER BY noted_ms DESC, hash LIMIT ?)',
    )
    .run(MAX_KEPT);
}

export const findProof = (store: Store, hash: Uint8Array): KeptProof | undefined =>
  proofColumns.get(store.prepare(`SELECT ${proofColumns.list} FROM machine_proofs WHERE hash = ?`), hash);

export const listProofs = (store: Store): KeptProof[] =>
  proofColumns.all(store.prepare(`SELECT ${proofColumns.list} FROM machine_proofs ORDER BY noted_ms, hash`));

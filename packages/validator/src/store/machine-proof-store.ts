import { bytes, columns, integer, oneOf } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';

/** A proof that ejects a provider for its machine, found or signed by this validator. */
export interface StoredProof {
  /** SHA-256 of the proof. */
  readonly hash: Uint8Array;
  readonly providerId: Uint8Array;
  /** Number of the provider's ejection. */
  readonly ejection: number;
  readonly proof: Uint8Array;
  /**
   * `open`: this validator found it and asks peers to sign. `asked`: a peer asked for a signature. `landed`: the
   * ejection is on the chain.
   */
  readonly state: 'asked' | 'open' | 'landed';
  readonly notedMs: number;
}

/**
 * Most proofs in each state. Strangers can invent keys and get signatures for them, so these must not displace this
 * validator's own findings.
 */
const MAX_KEPT = 64;

const proofColumns = columns({
  ...{ hash: bytes, providerId: bytes, ejection: integer, proof: bytes, notedMs: integer },
  state: oneOf(['asked', 'open', 'landed']),
});

/**
 * Stores a proof: one of each provider, the first of each ejection. An open one is deleted only for the provider's next
 * ejection. If there are too many, a new one waits for its next chance. Of those that peers asked for, the newest stay.
 * Call it inside one transaction.
 */
export function keepProof(store: Store, kept: StoredProof): void {
  const held = proofColumns.get(
    store.prepare(`SELECT ${proofColumns.list} FROM machine_proofs WHERE provider_id = ?`),
    kept.providerId,
  );
  const isNext = held === undefined || held.ejection < kept.ejection;
  if (!isNext && (held.state !== 'asked' || kept.state === 'asked')) return;
  if (kept.state === 'open' && countOpen(store) >= MAX_KEPT) return;
  if (!isNext) {
    setState(store, held.hash, 'open');
    return;
  }
  store.prepare('DELETE FROM machine_proofs WHERE provider_id = ?').run(kept.providerId);
  proofColumns.insert(store, 'INSERT INTO machine_proofs', kept);
  dropOldest(store, 'asked');
}

/** Marks that the ejection is on the chain. The newest of these stay for appeals. Call it inside one transaction. */
export function markLanded(store: Store, hash: Uint8Array): void {
  setState(store, hash, 'landed');
  dropOldest(store, 'landed');
}

const setState = (store: Store, hash: Uint8Array, state: StoredProof['state']): void =>
  void store.prepare('UPDATE machine_proofs SET state = ? WHERE hash = ?').run(state, hash);

const countOpen = (store: Store): number =>
  (store.prepare("SELECT count(*) AS open FROM machine_proofs WHERE state = 'open'").get() as { open: number }).open;

const dropOldest = (store: Store, state: 'asked' | 'landed'): void =>
  void store
    .prepare(
      `DELETE FROM machine_proofs WHERE state = ? AND hash NOT IN
        (SELECT hash FROM machine_proofs WHERE state = ? ORDER BY noted_ms DESC, hash LIMIT ?)`,
    )
    .run(state, state, MAX_KEPT);

export const findProof = (store: Store, hash: Uint8Array): StoredProof | undefined =>
  proofColumns.get(store.prepare(`SELECT ${proofColumns.list} FROM machine_proofs WHERE hash = ?`), hash);

export const listProofs = (store: Store): StoredProof[] =>
  proofColumns.all(
    store.prepare(`SELECT ${proofColumns.list} FROM machine_proofs WHERE state <> 'landed' ORDER BY noted_ms, hash`),
  );

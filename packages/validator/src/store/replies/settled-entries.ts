import { bigInteger, bytes, columns, named, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeInclusionProof, hashLeaf } from '@ogong/protocol/crypto/merkle';
import { isBillable, parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { listEntries } from '../batch-store.ts';
import { findBatchAt } from './reply-batch.ts';

export interface SettledEntry {
  readonly entry: Uint8Array;
  /** Position among the paid entries of its batch, from 0. */
  readonly index: number;
  /** Proof from the entry to the batch's records root; empty if the reply is not paid, and so not under it. */
  readonly proof: Uint8Array[];
  readonly transaction: string;
}

interface SettledBatch {
  readonly transaction: string;
  /** Entries by reply id. `place` is undefined if the reply is not paid. */
  readonly entries: ReadonlyMap<string, { readonly entry: Uint8Array; readonly place: number | undefined }>;
  /** Leaves of the paid entries, in order. */
  readonly leaves: readonly Uint8Array[];
}

const spanColumns = columns({
  from: named('from_position', bigInteger),
  to: named('to_position', bigInteger),
  transaction: named('transaction_hash', text),
});
const idColumns = columns({ replyId: bytes });
const positionColumns = columns({ position: bigInteger });

/** Batches in memory, some 500 KiB each. */
const KEPT_BATCHES = 16;

export type FindSettled = (replyId: Uint8Array) => SettledEntry | undefined;

/**
 * Finds the path from a reply to its settled batch; undefined if none has settled it. A settled batch never changes,
 * and reading it takes tens of milliseconds, so the most recent ones stay in memory.
 */
export function createSettledEntries(store: Store, crypto: Crypto): FindSettled {
  const kept = new Map<bigint, SettledBatch>();

  function findBatch(sequence: bigint): SettledBatch | undefined {
    const batch = kept.get(sequence) ?? readBatch(store, crypto, sequence);
    if (batch === undefined) return undefined;
    // The last entry of the map is the most recently used one.
    kept.delete(sequence);
    kept.set(sequence, batch);
    if (kept.size > KEPT_BATCHES) kept.delete(kept.keys().next().value as bigint);
    return batch;
  }

  return (replyId) => {
    const logged = positionColumns.get(store.prepare('SELECT position FROM log WHERE reply_id = ?'), replyId);
    const place = logged && findBatchAt(store, logged.position);
    const batch = place && findBatch(place.sequence);
    const found = batch?.entries.get(toHex(replyId));
    if (batch === undefined || found === undefined) return undefined;
    const { entry, place: leaf } = found;
    const proof = leaf === undefined ? [] : computeInclusionProof(crypto, batch.leaves, leaf);
    return { entry, index: leaf ?? 0, proof, transaction: batch.transaction };
  };
}

function readBatch(store: Store, crypto: Crypto, sequence: bigint): SettledBatch | undefined {
  const batch = spanColumns.get(
    store.prepare(`SELECT ${spanColumns.list} FROM batches WHERE state = 'settled' AND sequence = ?`),
    sequence,
  );
  if (batch === undefined) return undefined;
  const findVoided = store.prepare(
    `SELECT reply_id FROM log JOIN replies USING (reply_id) WHERE position >= ? AND position < ? AND voided = 1`,
  );
  const voided = new Set(idColumns.all(findVoided, batch.from, batch.to).map((row) => toHex(row.replyId)));
  const leaves: Uint8Array[] = [];
  const entries = new Map<string, { readonly entry: Uint8Array; readonly place: number | undefined }>();
  for (const { entry, replyId } of listEntries(store, batch.from, Number(batch.to - batch.from))) {
    const name = toHex(replyId);
    const isPaid = isBillable(parseVerdictEntry(entry).verdict) && !voided.has(name);
    entries.set(name, { entry, place: isPaid ? leaves.length : undefined });
    if (isPaid) leaves.push(hashLeaf(crypto, entry));
  }
  return { transaction: batch.transaction, entries, leaves };
}

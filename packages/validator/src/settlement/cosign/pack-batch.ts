import { setImmediate as nextTurn } from 'node:timers/promises';
import { LinkError } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { PART_ID_BYTES, type PackedEntry, type PartTable, packEntry } from '@ogong/protocol/settlement/packed-entry';
import { type EntryMessage, encodeEntry } from '../../store/batch-store.ts';
import type { CosignRequest } from '../settlement-state.ts';
import type { CosignAnswer } from './cosign.ts';
import { NO_ENTRIES } from './cosign-error.ts';

/** Answer of a co-signer that cannot read a packed batch. */
export interface Unread {
  /** Ids of missing parts, 8 bytes each; empty if it wants the plain entries. */
  readonly lacking: Uint8Array;
}

export type PackedAnswer = CosignAnswer | Unread;

export interface PackingDependencies {
  readonly crypto: Crypto;
  /** Returns the parts that this validator knows now. */
  readonly knownParts: () => PartTable;
}

interface AskDependencies extends PackingDependencies {
  readonly clock: Clock;
}

interface AskOptions {
  /** Time limit of all calls to one co-signer about a batch together. */
  readonly timeoutMs: number;
}

type CallCosigner = (message: CosignRequest, options: AskOptions) => Promise<PackedAnswer>;

interface PackedBatch {
  readonly request: CosignRequest;
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

/**
 * Asks co-signers with packed entries (docs/spec/packed-entries.md). A co-signer that lacks parts gets these. One that
 * still cannot read them gets the plain entries. So does an earlier program, for which a packed batch has no entries.
 * Any other refusal is an answer.
 */
export function createPackedAsk({ crypto, knownParts, clock }: AskDependencies, { timeoutMs }: AskOptions) {
  const kept = new WeakMap<CosignRequest, Promise<PackedBatch>>();
  // A batch without a quorum is asked for again, with the same entries.
  const packedEntries = new WeakMap<EntryMessage, PackedEntry>();

  async function pack(request: CosignRequest): Promise<PackedBatch> {
    const { entries = [] } = request;
    const table = knownParts();
    const packed: PackedEntry[] = [];
    for (const entry of entries) {
      const known = packedEntries.get(entry);
      const one = known ?? packEntry(crypto, encodeEntry(entry), table);
      packed.push(one);
      if (known !== undefined) continue;
      packedEntries.set(entry, one);
      // One entry costs milliseconds.
      await nextTurn();
    }
    const parts = new Map(packed.flatMap((one) => [...one.parts]));
    return { request: { ...request, entries: [], packed: packed.map((one) => one.packed) }, parts };
  }

  return async (request: CosignRequest, callFor: CallCosigner): Promise<CosignAnswer> => {
    const packing = kept.get(request) ?? pack(request);
    kept.set(request, packing);
    const batch = await packing;
    const deadlineMs = clock.nowMs() + timeoutMs;
    const call = async (message: CosignRequest): Promise<PackedAnswer> => {
      const leftMs = deadlineMs - clock.nowMs();
      if (leftMs <= 0) throw new LinkError('timeout', 'the co-signer took too long over several calls');
      return callFor(message, { timeoutMs: leftMs });
    };
    if (batch.parts.size === 0) return assertRead(await call(request));
    const answer = await call(batch.request).catch((error: unknown): Unread => {
      if (readsNoPacked(error)) return WHOLE;
      throw error;
    });
    if (!isUnread(answer)) return answer;
    const wanted = listIds(answer.lacking).flatMap((id) => batch.parts.get(id) ?? []);
    if (wanted.length > 0) {
      const second = await call({ ...batch.request, parts: wanted });
      if (!isUnread(second)) return second;
    }
    return assertRead(await call(request));
  };
}

const WHOLE: Unread = { lacking: new Uint8Array(0) };

const readsNoPacked = (error: unknown): boolean =>
  error instanceof LinkError && error.refusal === 'invalid' && error.message === NO_ENTRIES;

const isUnread = (answer: PackedAnswer): answer is Unread => 'lacking' in answer;

function assertRead(answer: PackedAnswer): CosignAnswer {
  if (isUnread(answer)) throw new Error('a peer cannot read plain entries');
  return answer;
}

/** Lists each id once, in hex. */
function listIds(lacking: Uint8Array): string[] {
  const ids = new Set<string>();
  for (let at = 0; at + PART_ID_BYTES <= lacking.length; at += PART_ID_BYTES) {
    ids.add(toHex(lacking.subarray(at, at + PART_ID_BYTES)));
  }
  return [...ids];
}

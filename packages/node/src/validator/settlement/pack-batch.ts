import { create, toBinary } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { BatchEntrySchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { PART_ID_BYTES, type PartTable, packEntry } from '@ogong/protocol/settlement/packed-entry';
import type { CosignAnswer } from './cosign.ts';
import type { CosignRequest } from './settlement-state.ts';

/** What a co-signer answers that cannot read a packed batch. */
export interface Unread {
  /** Ids of parts, 8 bytes each; empty where it wants the entries as they are. */
  readonly lacking: Uint8Array;
}

export type PackedAnswer = CosignAnswer | Unread;

export interface PackingDependencies {
  readonly crypto: Crypto;
  /** The parts that this validator knows now. */
  readonly knownParts: () => PartTable;
}

interface PackedBatch {
  readonly request: CosignRequest;
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

/**
 * Asks co-signers with packed entries (docs/spec/packed-entries.md). Whoever lacks parts of them is sent these, and whoever still cannot
 * read them is sent the entries as they are, and so is a program from before, to which a packed batch is an invalid one.
 */
export function createPackedAsk({ crypto, knownParts }: PackingDependencies) {
  const kept = new WeakMap<CosignRequest, PackedBatch>();

  function pack(request: CosignRequest): PackedBatch {
    const { entries = [] } = request;
    const table = knownParts();
    const packed = entries.map((entry) =>
      packEntry(crypto, toBinary(BatchEntrySchema, create(BatchEntrySchema, entry)), table),
    );
    const parts = new Map(packed.flatMap((one) => [...one.parts]));
    return { request: { ...request, entries: [], packed: packed.map((one) => one.packed) }, parts };
  }

  return async (
    request: CosignRequest,
    call: (message: CosignRequest) => Promise<PackedAnswer>,
  ): Promise<CosignAnswer> => {
    const batch = kept.get(request) ?? pack(request);
    kept.set(request, batch);
    if (batch.parts.size === 0) return assertRead(await call(request));
    const answer = await call(batch.request).catch((error: unknown): Unread => {
      if (error instanceof LinkError && error.refusal === 'invalid') return WHOLE;
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

const isUnread = (answer: PackedAnswer): answer is Unread => 'lacking' in answer;

function assertRead(answer: PackedAnswer): CosignAnswer {
  if (isUnread(answer)) throw new Error('a peer does not read entries as they are');
  return answer;
}

/** Each once, in hex. */
function listIds(lacking: Uint8Array): string[] {
  const ids = new Set<string>();
  for (let at = 0; at + PART_ID_BYTES <= lacking.length; at += PART_ID_BYTES) {
    ids.add(toHex(lacking.subarray(at, at + PART_ID_BYTES)));
  }
  return [...ids];
}

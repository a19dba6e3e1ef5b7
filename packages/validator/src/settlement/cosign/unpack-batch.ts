import { setImmediate as nextTurn } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { fromHex, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import {
  type BatchEntry,
  BatchEntrySchema,
  type CosignBatchRequest,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { MAX_BATCH_ENTRIES } from '@ogong/protocol/settlement/gas';
import {
  computePartId,
  LEAST_PART,
  MOST_PART,
  readStatedSize,
  unpackEntry,
} from '@ogong/protocol/settlement/packed-entry';
import { readProposal } from './batch-check.ts';
import { CosignError, demand } from './cosign-error.ts';
import type { PackingDependencies, Unread } from './pack-batch.ts';

/** Most parts that a co-signer asks for and gets. If it lacks more, the entries come plain. */
const MOST_LACKING = 4_096;

/** Size limits for unpacking one batch. */
export interface UnpackedLimits {
  /** For all entries together, if there are several. */
  readonly several: number;
  /** For a single entry. */
  readonly single: number;
}

/**
 * Returns the unpacked size of a batch in bytes, as its entries state it, before any unpacking. A packed entry may
 * stand for a thousand times its bytes. 0 if nothing is packed. @throws CosignError if it is more than an honest batch
 * has.
 */
export function measureUnpacked(
  { packed }: Pick<CosignBatchRequest, 'packed'>,
  { several, single }: UnpackedLimits,
): number {
  demand(packed.length <= MAX_BATCH_ENTRIES, `a batch of ${packed.length} entries`);
  const bytes = packed.reduce((sum, one) => sum + readStatedSize(one), 0);
  const most = packed.length > 1 ? several : single;
  demand(bytes <= most, `entries of ${bytes} bytes together, at most ${most}`);
  return bytes;
}

interface UnpackOptions {
  /** Ledger address behind the link. Only the peer's own batch is unpacked. */
  readonly from: Uint8Array;
  /** Limit of all entries together, bytes, see measureUnpacked. */
  readonly most: number;
}

/**
 * Reads the entries of a batch, packed or plain.
 * @returns the entries, or the co-signer's answer if it cannot read them. @throws CosignError
 */
export async function unpackBatch(
  { crypto, knownParts }: PackingDependencies,
  { batch, entries, packed, parts }: Pick<CosignBatchRequest, 'batch' | 'entries' | 'packed' | 'parts'>,
  { from, most }: UnpackOptions,
): Promise<{ readonly entries: BatchEntry[] } | Unread> {
  if (packed.length === 0) return { entries };
  readProposal(from, batch);
  demand(entries.length === 0, 'entries are either packed or plain');
  demand(packed.length <= MAX_BATCH_ENTRIES, `a batch of ${packed.length} entries`);
  demand(parts.length <= MOST_LACKING && parts.every(({ length }) => length <= MOST_PART), 'too much in parts');
  demand(
    parts.every(({ length }) => length >= LEAST_PART),
    'a part that is too short',
  );
  const sent = new Map(parts.map((part) => [toHex(computePartId(crypto, part)), part]));
  const table = knownParts();
  // Sent parts come first: of two parts with one id the sent one is meant.
  const find = (id: string): Uint8Array | undefined => sent.get(id) ?? table.find(id);
  const lacking = new Set<string>();
  const read: BatchEntry[] = [];
  let left = most;
  for (const one of packed) {
    // One entry costs milliseconds, with any result.
    await nextTurn();
    const found = refuting(() => unpackEntry(crypto, one, { find, most: left }));
    if ('isOther' in found) return WHOLE;
    if ('lacking' in found) {
      for (const id of found.lacking) lacking.add(id);
      if (lacking.size > MOST_LACKING) return WHOLE;
      left -= found.sizeBytes;
      continue;
    }
    left -= found.entry.length;
    read.push(refuting(() => fromBinary(BatchEntrySchema, found.entry)));
  }
  return lacking.size === 0 ? { entries: read } : { lacking: fromHex([...lacking].join('')) };
}

const WHOLE: Unread = { lacking: new Uint8Array(0) };

/** Turns a parse error into a refutation of the batch. */
function refuting<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ProtocolError || cause instanceof RangeError)) throw cause;
    throw new CosignError('refuted', `a packed entry does not parse: ${cause.message}`, { cause });
  }
}

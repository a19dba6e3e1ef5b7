import { setImmediate as pause } from 'node:timers/promises';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { driveWalk, type WalkedBlobs } from '@ogong/protocol/modality/blob-walk';
import { findModality } from '@ogong/protocol/modality/registry';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import {
  type ReceiptContext,
  type ReceiptVerdict,
  verifyReceipt,
} from '@ogong/protocol/verdict/receipt/verify-receipt';

/** Fetches a blob of the reply and checks it against its root. */
export type ReadBlob = (ref: BlobRef) => Promise<Uint8Array>;

/** Replies whose blobs are replayed at the same time. Each holds up to a dozen latents of at most 2 MiB. */
const MOST_WALKS = 32;

/** Takes turns at replaying the blobs of replies, so that the memory for them is bounded. */
export interface WalkTurns {
  /** Waits for a turn. @returns a function that ends it; calling it again has no effect. */
  take(): Promise<() => void>;
}

export function createWalkTurns(most: number = MOST_WALKS): WalkTurns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async take() {
      if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
      else running++;
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        const next = waiting.shift();
        // The turn passes on.
        if (next) next();
        else running--;
      };
    },
  };
}

/**
 * Verifies a receipt, and replays the blobs of its reply one after another.
 * @param readBlob its error ends the check. Default: no blob is read.
 */
export async function verifyWalked(
  receipt: Receipt,
  context: ReceiptContext,
  readBlob: ReadBlob | undefined,
): Promise<ReceiptVerdict> {
  const walked = readBlob && (await walkReceipt(context.crypto, receipt, readBlob));
  const verdict = await verifyReceipt(receipt, { ...context, walked });
  if (readBlob && walked === undefined && verdict.ok)
    throw new Error('a reply passes, and its blobs were not replayed');
  return verdict;
}

/** @returns undefined for an opening of a wrong form, whose check fails later. */
async function walkReceipt(
  crypto: Crypto,
  { opening, record, endpoint }: Receipt,
  read: ReadBlob,
): Promise<WalkedBlobs | undefined> {
  if (!('bytes' in opening)) return undefined;
  try {
    const walk = findModality(endpoint).walkBlobs?.(crypto, parseRecordV2(record.bytes), parseOpening(opening.bytes));
    return walk && (await driveWalk(walk, { read, pause }));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

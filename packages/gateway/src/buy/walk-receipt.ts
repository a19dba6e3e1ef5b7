import { setImmediate as pause } from 'node:timers/promises';
import { ProtocolError } from '@ogong/protocol/base/bytes';
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
import type { ReadBlob } from './blob-walks.ts';

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

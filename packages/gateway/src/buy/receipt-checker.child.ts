import { setImmediate as pause } from 'node:timers/promises';
import { addMachineChecks, checkReceiptMachine } from '@ogong/attestation/machine-check';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { driveWalk, type WalkedBlobs } from '@ogong/protocol/modality/blob-walk';
import { findModality } from '@ogong/protocol/modality/registry';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createBeaconMemo } from './beacon-memo.ts';
import { createBlobFinder } from './fetch-blobs.ts';
import { trustOrdered } from './ordered-crypto.ts';
import type { CheckAnswer, CheckMessage, SentJob } from './receipt-checker.ts';

const verifyBeacon = createBeaconMemo();

/** Walks that wait for a blob, by the id of their job. */
const walks = new Map<number, (blob: Uint8Array | undefined) => void>();

process.on('message', async (message: CheckMessage) => {
  if ('blob' in message) walks.get(message.id)?.(message.blob);
  else await check(message.id, message.job);
});

async function check(id: number, { machinePolicy: policy, isOrdered, heldBlobs = [], readsBlobs, ...job }: SentJob) {
  const { receipt, ...context } = job;
  const crypto = isOrdered ? trustOrdered(nodeCrypto, receipt) : nodeCrypto;
  const walked = readsBlobs ? await walkBlobs(id, receipt) : undefined;
  if (walked === 'withheld') return;
  const verdict = await verifyReceipt(receipt, {
    ...{ crypto, verifyBeacon, blobs: createBlobFinder(heldBlobs), walked },
    ...context,
  });
  if (readsBlobs && walked === undefined && verdict.ok)
    throw new Error('a reply passes, and its blobs were not replayed');
  const { nowMs } = context;
  const found = policy ? await checkReceiptMachine(receipt, { crypto: nodeCrypto, policy, nowMs }) : [];
  send({ id, verdict: policy ? addMachineChecks(verdict, found, policy) : verdict });
}

// If it cannot be sent, the gateway has died, and `disconnect` follows.
const send = (answer: CheckAnswer): unknown => process.send?.(answer, undefined, undefined, () => undefined);

/** Replays the blobs of a reply, one after another. @returns undefined for an opening without a form, whose check fails later. */
async function walkBlobs(id: number, receipt: Receipt): Promise<WalkedBlobs | 'withheld' | undefined> {
  const { opening, record, endpoint } = receipt;
  if (!('bytes' in opening)) return undefined;
  const read = (ref: BlobRef): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      walks.set(id, (blob) => (blob ? resolve(blob) : reject(new Withheld())));
      send({ id, wants: ref });
    });
  try {
    const walk = findModality(endpoint).walkBlobs?.(
      nodeCrypto,
      parseRecordV2(record.bytes),
      parseOpening(opening.bytes),
    );
    return walk && (await driveWalk(walk, { read, pause }));
  } catch (error) {
    if (error instanceof Withheld) return 'withheld';
    if (error instanceof ProtocolError) return undefined;
    throw error;
  } finally {
    walks.delete(id);
  }
}

class Withheld extends Error {}

// A terminal's Ctrl-C reaches the whole group: the gateway decides when its checks end. The gateway may also die without
// notice.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());

import { parentPort } from 'node:worker_threads';
import { verifyReceipt } from '@ogong/protocol/verify-receipt';
import { nodeCrypto } from '../../crypto/node-crypto.ts';
import { createBeaconMemo } from './beacon-memo.ts';
import type { CheckJob } from './receipt-checker.ts';

const shared = { crypto: nodeCrypto, verifyBeacon: createBeaconMemo() };

parentPort?.on('message', ({ id, job }: { id: number; job: CheckJob }) => {
  const { receipt, ...context } = job;
  parentPort?.postMessage({ id, verdict: verifyReceipt(receipt, { ...shared, ...context }) });
});

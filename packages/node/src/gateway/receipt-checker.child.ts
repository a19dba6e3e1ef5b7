import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { verifyReceipt } from '@ogong/protocol/verdict/verify-receipt';
import { createBeaconMemo } from './beacon-memo.ts';
import type { CheckAnswer, CheckMessage } from './receipt-checker.ts';

const shared = { crypto: nodeCrypto, verifyBeacon: createBeaconMemo() };

process.on('message', ({ id, job: { receipt, ...context } }: CheckMessage) => {
  const answer: CheckAnswer = { id, verdict: verifyReceipt(receipt, { ...shared, ...context }) };
  process.send?.(answer);
});

// A terminal's Ctrl-C reaches the whole group: the gateway decides when its checks end. The gateway may also die without
// notice.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());

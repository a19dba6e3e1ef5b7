import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeFeeFloor } from '@ogong/protocol/exchange/fee';
import type { GenerateRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { payer, provider, providerId } from '@ogong/testing/validator/test-bench';
import { createTestOrder, MODEL, MODEL_ROOT, PAYEE } from '@ogong/testing/validator/test-reply';
import { expect, it } from 'vitest';
import { checkOrder } from './order-check.ts';

const ledger = { chainId: 1n, verifyingContract: new Uint8Array(20).fill(0xe5) };
const nowMs = 1_750_000_000_000;

it('refuses an order below the floor of a fee, where money is real', () => {
  const check = (maxFeeAtomic: bigint) => {
    const validator = new Uint8Array(20).fill(1);
    const input = { payer, ledger, validator, provider, index: 0, epoch: 1n, expiresAtMs: nowMs + 60_000 };
    const { order, signature, request } = createTestOrder({ ...input, bend: { maxFeeAtomic } });
    const message = {
      order: { order, signature },
      request,
      cacheScope: new Uint8Array(),
    } as unknown as GenerateRequest;
    const model = { id: MODEL, root: MODEL_ROOT, numericClass: 'none', pricePer1kAtomic: 1n, contextSize: 4096 };
    const terms = { crypto, ledger, providerId, payee: PAYEE, model, latestEpoch: 1n, nowMs };
    checkOrder(message, { ...terms, findValidator: () => undefined });
  };
  const floor = computeFeeFloor(ledger);
  expect(() => check(floor - 1n)).toThrow(`an order offers ${floor} at least`);
  // The next check that fails is of something else.
  expect(() => check(floor)).toThrow('not a registered validator');
});

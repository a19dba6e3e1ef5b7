import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { readPayeeStatement, verifyProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { expect, it } from 'vitest';
import { createPayeeStatement } from './payee-statement.ts';

const DAY_MS = 86_400_000;

it('is signed anew every day, for a week, and where the clock is set back', () => {
  let nowMs = 1_750_000_000_000;
  const payee = createTestPayee('payee');
  const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(1) };
  const providerId = new Uint8Array(32).fill(2);
  const { get: getPayeeWord } = createPayeeStatement({
    crypto,
    clock: { nowMs: () => nowMs },
    payee,
    ledger,
    providerId,
  });
  const first = getPayeeWord();
  expect(readPayeeStatement(first)?.validUntilMs).toBe(nowMs + 7 * DAY_MS);
  const shared = { providerId, payee: payee.address, payeeWord: first };
  expect(verifyProviderPayee(crypto, ledger, { ...shared, untilMs: nowMs + 7 * DAY_MS })).toBe(true);
  nowMs += DAY_MS - 1;
  expect(getPayeeWord()).toBe(first);
  nowMs += 1;
  expect(readPayeeStatement(getPayeeWord())?.validUntilMs).toBe(nowMs + 7 * DAY_MS);
  nowMs -= 30 * DAY_MS;
  expect(readPayeeStatement(getPayeeWord())?.validUntilMs).toBe(nowMs + 7 * DAY_MS);
});

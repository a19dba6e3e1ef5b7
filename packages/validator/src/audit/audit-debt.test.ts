import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { isSelected } from '@ogong/protocol/audit/audit';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { CHARGED_FEES, CHARGED_PPM } from '@ogong/protocol/settlement/audit-balance';
import { INITIAL_TESTS } from '@ogong/protocol/settlement/log-tests';
import { createTestValidator, provider, providerId } from '@ogong/testing/validator/test-bench';
import { afterEach, expect, it } from 'vitest';
import { readStatus } from '../reply-status.ts';
import { createTestStates, OWN_TESTS } from '../store/sequential-store.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Verifiers do not answer, so each audit ends without a result. */
async function leaveUnjudged(replies: number, alphaPpm: number) {
  const validator = createTestValidator({
    audit: { alphaPpm: () => alphaPpm },
    verifiers: () => Promise.reject(new Error('no answer')),
  });
  closing.push(() => validator.close());
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  for (let number = 0; number < replies; number++) {
    await validator.deliver(number);
    await validator.certify();
    await validator.runAudits();
    await validator.runSittings();
  }
  return validator;
}

it('an audit without a result charges a key if the base coverage draws its reply too, and no other audit does', async () => {
  const validator = await leaveUnjudged(80, 1_000_000);
  const { decided } = validator;
  expect(decided).toMatchObject(Array(80).fill({ verdict: 'unjudged', feeAtomic: 0n }));
  for (const { replyId, beaconEpoch, fineAtomic } of decided) {
    const { value: beacon } = validator.archive.find(beaconEpoch)!;
    const { orderBytes, feeAtomic = 0n } = validator.find(replyId);
    const draw = { replyId, orderEpoch: parseOrder(orderBytes).epoch, beaconEpoch, beacon };
    expect(fineAtomic).toBe(isSelected(crypto, draw, CHARGED_PPM) ? CHARGED_FEES * feeAtomic : 0n);
  }
  const charged = decided.reduce((sum, { fineAtomic }) => sum + fineAtomic, 0n);
  expect(charged).toBeGreaterThan(0n);
  expect(createTestStates(validator.store, OWN_TESTS).find(providerId).balance.debtAtomic).toBe(charged);
});

it('a key in debt is audited no more than others, and its payers owe its fees', async () => {
  const validator = createTestValidator({ audit: { alphaPpm: () => 0 } });
  closing.push(() => validator.close());
  await validator.announce(provider);
  const tests = createTestStates(validator.store, OWN_TESTS);
  tests.put(providerId, { ...INITIAL_TESTS, balance: { credit: 0, debtAtomic: 10n ** 30n } });
  await validator.deliver(0);
  await validator.certify();
  await validator.runAudits();
  const [entry] = validator.decided;
  expect(entry).toMatchObject({ verdict: 'unaudited', fineAtomic: 0n });
  expect(entry!.feeAtomic).toBeGreaterThan(0n);
  expect(tests.find(providerId).balance.debtAtomic).toBe(10n ** 30n - entry!.feeAtomic);
  const status = readStatus(validator.store, { crypto }, entry!.replyId);
  expect(JSON.parse(status!.detail)).toMatchObject({ isBurnt: true });
});

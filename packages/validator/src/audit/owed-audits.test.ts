import { INITIAL_TESTS } from '@ogong/protocol/settlement/log-tests';
import { createTestValidator, provider, providerId } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { afterEach, expect, it } from 'vitest';
import { createTestStates, OWN_TESTS } from '../store/sequential-store.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

it('a key that owes audits has every reply audited until it has paid them, at any coverage', async () => {
  const validator = createTestValidator({
    audit: { alphaPpm: () => 0 },
    verifiers: (peer, job) => answerHonestly(validator.served)(peer, job),
  });
  closing.push(() => validator.close());
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  const tests = createTestStates(validator.store, OWN_TESTS);
  tests.put(providerId, { ...INITIAL_TESTS, balance: { credit: 0, owed: 2 } });
  for (let number = 0; number < 4; number++) {
    await validator.deliver(number);
    await validator.certify();
    await validator.runAudits();
  }
  expect(validator.decided.map(({ verdict }) => verdict)).toEqual(['accept', 'accept', 'unaudited', 'unaudited']);
  expect(validator.decided.every(({ feeAtomic }) => feeAtomic > 0n)).toBe(true);
  expect(tests.find(providerId).balance).toEqual({ credit: 2, owed: 0 });
});

it('a key whose audit ends without a result owes audits, and is paid nothing while no verifier answers', async () => {
  const coverage = { ppm: 1_000_000 };
  const validator = createTestValidator({
    audit: { alphaPpm: () => coverage.ppm },
    verifiers: () => Promise.reject(new Error('no answer')),
  });
  closing.push(() => validator.close());
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  for (let number = 0; number < 3; number++) {
    await validator.deliver(number);
    await validator.certify();
    await validator.runAudits();
    await validator.runSittings();
    coverage.ppm = 0;
  }
  expect(validator.decided).toMatchObject(Array(3).fill({ verdict: 'unjudged', feeAtomic: 0n }));
});

import { setTimeout as delay } from 'node:timers/promises';
import { type AuditEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { createTestValidator, provider, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { afterEach, describe, expect, it } from 'vitest';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const NAMES = ['v0', 'v1', 'v2', 'v3', 'v4'];
const AN_HOUR_MS = 3_600_001;

/** A validator whose announcements have all run out, as while it was cut off, and which selects a reply then. */
async function createCutOff(stake: bigint) {
  const validator: ReturnType<typeof createTestValidator> = createTestValidator({
    verifiers: (peer, job) => answerHonestly(validator.served)(peer, job),
    stakeOf: () => stake * 10n ** 18n,
    audit: { pairPpm: 0, honeypotPpm: 0 },
  });
  closing.push(() => validator.close());
  let sequence = 1n;
  const announce = async (names: readonly string[]): Promise<void> => {
    sequence++;
    for (const name of names) await validator.announceVerifier(name, 'x', createTestPayee(name), {}, sequence);
  };
  await validator.announce(provider);
  await announce(NAMES);
  const { replyId } = (await validator.deliver(0)).reply.record;
  await validator.certify();
  validator.clock.advance(AN_HOUR_MS);
  return { validator, replyId, announce };
}

/** The verifiers that the first audit attempt could draw. */
function listFirst(validator: TestValidator, replyId: Uint8Array) {
  return (parseEvidence(validator.find(replyId).evidence as Uint8Array) as AuditEvidence).lists[0];
}

describe('a validator that was cut off', () => {
  it('waits for verifiers with stake that it held until lately, before it freezes a list without them', async () => {
    const { validator, replyId, announce } = await createCutOff(100n);
    await announce(['v0']);
    const audits = validator.runAudits();
    while (validator.find(replyId).opening === undefined) await delay(1);
    await delay(20);
    expect(validator.find(replyId).candidates).toBeUndefined();
    await announce(NAMES);
    await audits;
    expect(validator.decided).toMatchObject([{ verdict: 'accept' }]);
    // Two of five are what co-signers believe at least.
    expect(listFirst(validator, replyId)?.length).toBeGreaterThanOrEqual(2);
  });

  it('lists who is there once the others have been away for half a window', async () => {
    const { validator, replyId, announce } = await createCutOff(100n);
    validator.clock.advance(15_000);
    await announce(['v0']);
    await validator.runAudits();
    expect(listFirst(validator, replyId)).toHaveLength(1);
  });

  it('waits for no free names', async () => {
    const { validator, replyId, announce } = await createCutOff(0n);
    await announce(['v0']);
    await validator.runAudits();
    expect(listFirst(validator, replyId)).toHaveLength(1);
  });
});

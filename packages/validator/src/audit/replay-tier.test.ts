import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { SYNTHETIC_CLASS } from '@ogong/testing/synthetic/synthetic-divergence';
import { jitter } from '@ogong/testing/validator/drift-fixture';
import { createTestValidator, ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly, type TestVerifiers } from '@ogong/testing/validator/test-calls';
import { createTestOrder, type TestReply } from '@ogong/testing/validator/test-reply';
import { afterEach, describe, expect, it } from 'vitest';

/** Runs an audit of tier replay whose verifiers have the named classes. `own` is exactly the provider's class. */
const OTHER = SYNTHETIC_CLASS.replace('haswell', 'sse42');
const classes = {
  own: { exact: true, numericClass: SYNTHETIC_CLASS },
  inexact: { exact: false, numericClass: SYNTHETIC_CLASS },
  other: { exact: true, numericClass: OTHER },
  /** Sees the same values, and at position 3 another unlisted token, or a list of another length. */
  choosing: { exact: true, numericClass: SYNTHETIC_CLASS, firstOtherChoice: 3 },
} as const;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function audit(verifiers: Readonly<Record<string, keyof typeof classes>>, { isForged = false } = {}) {
  const served = new Map<string, TestReply>();
  const asked: string[] = [];
  const answers: TestVerifiers = (peer, job) => {
    const name = String(peer.endpoint).replace(/:1$/, '');
    asked.push(name);
    const own = classes[verifiers[name] as keyof typeof classes];
    const { reply } = served.get('only') as TestReply;
    const far = isForged ? { windows: jitter(reply, createSeededRandom(name.length), 2000) } : {};
    return answerHonestly(served, { ...own, ...far })(peer, job);
  };
  const validator = createTestValidator({ verifiers: answers });
  closing.push(() => validator.close());
  await validator.announce(provider);
  for (const name of Object.keys(verifiers)) await validator.announceVerifier(name);
  const order = createTestOrder({
    ...{ payer, ledger, provider, index: 1, epoch: validator.archive.latest().epoch },
    validator: validator.signer.address,
    expiresAtMs: validator.clock.nowMs() + 120_000,
    model: 'ogong/replay/test/synthetic',
  });
  await validator.intake.admit(order);
  const posture = { tier: 'replay', method: 'exact-replay', numericClass: SYNTHETIC_CLASS };
  const reply = validator.serve(order, { bend: { header: (header) => ({ ...header, ...posture }) } });
  served.set('only', reply);
  await validator.intake.pushRecord(reply.submission);
  await validator.certify();
  for (let i = 0; i < 3; i++) await validator.runSittings();
  const [entry] = validator.decided;
  const checks = JSON.parse(validator.find(order.fields.replyId).checks ?? '[]') as { id: string; detail: string }[];
  const marks = validator.store.read(() =>
    validator.store.prepare('SELECT sum(marks) AS n FROM verifiers WHERE length(verifier_id) = 32').get(),
  );
  return { entry, asked, checks, marks: Number(marks?.n ?? 0) };
}

describe('an audit in tier replay', () => {
  it('continues past verifiers that cannot run the class, to one that can', async () => {
    const { entry, asked, marks } = await audit({ v1: 'inexact', v2: 'other', v3: 'own' });
    expect(entry).toMatchObject({ verdict: 'accept', evidence: 'exact' });
    expect(asked).toContain('v3');
    expect(marks).toBe(0);
  });

  it("rejects by the signature of two that a choice is not the engine's own, though every value is equal, and ejects by a third", async () => {
    const two = await audit({ v1: 'choosing', v2: 'choosing' });
    expect(two.entry).toMatchObject({ verdict: 'reject', evidence: 'statistical', feeAtomic: 0n });
    const { entry, checks, marks } = await audit({ v1: 'choosing', v2: 'choosing', v3: 'choosing' });
    expect(entry).toMatchObject({ verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n });
    expect(checks.filter(({ id }) => id === 'own-choice')).toHaveLength(3);
    expect(marks).toBe(0);
  });

  it('believes two against one that makes another choice up, and marks it', async () => {
    const { entry, asked, marks } = await audit({ v1: 'choosing', v2: 'own', v3: 'own' });
    expect(entry).toMatchObject({ verdict: 'accept', evidence: 'exact' });
    expect(marks).toBe(asked.includes('v1') ? 1 : 0);
  });

  it('is inconclusive, for that reason, if nobody runs the class', async () => {
    const { entry, asked, checks, marks } = await audit({ v1: 'inexact', v2: 'other' });
    expect(entry).toMatchObject({ verdict: 'inconclusive', evidence: 'statistical', ejects: false });
    expect(entry?.feeAtomic).toBe(0n);
    expect([...asked].sort()).toEqual(['v1', 'v2']);
    expect(marks).toBe(0);
    const reasons = checks.filter(({ id }) => id === 'replay').map(({ detail }) => detail);
    expect(reasons).toHaveLength(2);
    for (const reason of reasons) expect(reason).toMatch(/never confirm/);
  });

  it("is rejected and ejected by scores if nobody runs the class and the reply is not the model's", async () => {
    const { entry, marks } = await audit({ v1: 'inexact', v2: 'other' }, { isForged: true });
    expect(entry).toMatchObject({ verdict: 'reject', evidence: 'statistical', feeAtomic: 0n });
    expect(marks).toBe(0);
  });
});

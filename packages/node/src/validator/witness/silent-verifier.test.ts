import { toHex } from '@ogong/protocol/base/bytes';
import { type AuditEvidence, encodeEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import { flip, on, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';

/** A reply of the first of four validators, whose verifier answers those whose indices are given. */
async function createContested(reachedBy: readonly number[]) {
  const served = new Map<string, TestReply>();
  const honest = createTestCalls(answerHonestly(served));
  const away = async () => Promise.reject(new Error('no answer'));
  const four = await createFour((index) => ({
    // What was committed to may be opened by the handling validator, whoever asked for it.
    calls: { commit: reachedBy.includes(index) ? honest.commit : away, reveal: honest.reveal },
    audit: { pairPpm: 0, honeypotPpm: 0 },
  }));
  for (const peer of four.peers) await peer.announceVerifier('v1');
  const reply = await four.own.deliver(0);
  served.set(toHex(reply.reply.record.replyId), reply);
  await four.certifyAll();
  return { ...four, replyId: reply.reply.record.replyId };
}

describe('a verifier that commits to nothing', () => {
  it('is heard where it answers any witness, and its report counts', async () => {
    const { own } = await createContested([1, 2, 3]);
    await own.runContests();
    expect(own.decided).toMatchObject([{ verdict: 'accept', verifiers: [{ outcome: 'credited' }] }]);
  });

  it('holds its audit up until witnesses have asked, and no other reply', async () => {
    const { own, replyId } = await createContested([]);
    await own.runAudits();
    expect(own.find(replyId)).toMatchObject({ state: 'auditing', sitting: 0 });
    expect(own.find(replyId).askAtMs).toBeGreaterThan(own.clock.nowMs());
    await own.runContests();
    expect(own.find(replyId)).toMatchObject({ state: 'waiting', sitting: 1 });
  });

  it('makes no audit believe what a witness makes up', async () => {
    const { own, peers, replyId } = await createContested([]);
    const made = { verifierKey: new Uint8Array(1344), digest: new Uint8Array(32), signature: new Uint8Array(2484) };
    const [liar] = peers as [TestValidator];
    liar.witnessing.inquirer.ask = async () => ({ kind: 'commitment', committed: made });
    await own.runContests();
    expect(own.find(replyId)).toMatchObject({ state: 'waiting', sitting: 1 });
  });
});

describe('a co-signer of a reply that nobody judged', () => {
  async function proposeUnjudged() {
    const four = await createContested([]);
    await four.own.runSittings();
    for (const peer of four.peers) await peer.certifyUpTo(four.own.archive.latest().epoch);
    const request = await proposeUnheard(four);
    const [peer] = four.peers as [TestValidator];
    const evidence = parseEvidence(request.entries[0]!.evidence) as AuditEvidence;
    const cosign = async (change: (evidence: AuditEvidence) => AuditEvidence) => {
      const bytes = encodeEvidence(change(evidence));
      const evidenceHash = peer.witnessing.crypto.sha256(bytes);
      const bent = await rebuild(four.own, structuredClone(request), on('unjudged', { evidenceHash }), (same) => same);
      bent.entries[0]!.evidence = bytes;
      return peer.cosigner.cosign(four.own.signer.address, bent);
    };
    return { ...four, peer, evidence, cosign };
  }
  type Statements = NonNullable<AuditEvidence['attempts'][number]['statements']>;
  const bend =
    (change: (statements: Statements) => Statements) =>
    (evidence: AuditEvidence): AuditEvidence => {
      const [first, ...rest] = evidence.attempts;
      return { ...evidence, attempts: [{ ...first!, statements: change(first!.statements ?? []) }, ...rest] };
    };

  it('signs what the witnesses say of every verifier that was drawn', async () => {
    const { cosign, evidence } = await proposeUnjudged();
    expect(evidence.attempts.length).toBeGreaterThanOrEqual(8);
    for (const { statements } of evidence.attempts) expect(statements?.length).toBeGreaterThanOrEqual(2);
    expect((await cosign((same) => same)).signature).toHaveLength(65);
  });

  it('refuses too few statements, forged ones, and those about another job', async () => {
    const { cosign, evidence } = await proposeUnjudged();
    await expect(cosign(bend(() => []))).rejects.toThrow('not enough');
    await expect(cosign(bend((all) => all.slice(0, 1)))).rejects.toThrow('not enough');
    const forge = (all: Statements) => all.map((one) => ({ ...one, signature: flip(one.signature) }));
    await expect(cosign(bend(forge))).rejects.toThrow('did not sign this');
    const other = evidence.attempts[1]!.statements ?? [];
    await expect(cosign(bend(() => other))).rejects.toThrow('did not sign this');
  });

  it('refuses it where the verifier committed to it, whatever others say', async () => {
    const { cosign, peer } = await proposeUnjudged();
    peer.store.prepare("UPDATE witnessed SET outcome = 'found'").run();
    await expect(cosign((same) => same)).rejects.toThrow('it committed to a report here');
  });
});

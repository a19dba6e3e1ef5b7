import { toHex } from '@ogong/protocol/base/bytes';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import type { WitnessAsk } from '@ogong/validator/witness/answer-witness';
import { openAttacked } from '../breaks.ts';
import { defineAttack, describeDenials } from '../define-attack.ts';

const ROUNDS = 20;
const ROUND_MS = 1_000;

/**
 * A validator asks no verifier, and logs that all of them were silent in every audit attempt: its payer, a friend, owes
 * nothing. In the same way it could pass over every verifier that is no friend of a provider. It may ask the witnesses
 * first. If `isBelieved`, co-signers know no witnesses.
 */
export const falseSilence = defineAttack({
  name: 'false-silence',
  adversary: 'validator that calls an honest verifier silent',
  aim: 'leave a reply unjudged and unpaid that nobody asked a verifier about, or pass over verifiers until a friend is drawn',
  stoppedBy: 'Witnesses give the verifier the same job themselves before it counts as silent',
  restarts: ['validator', 'signer'],
  async play(
    { asksWitnesses, isBelieved = false }: { readonly asksWitnesses: boolean; readonly isBelieved?: boolean },
    breaks,
  ) {
    let asked = 0;
    const told: WitnessAsk[] = [];
    const served = new Map<string, TestReply>();
    const honest = createTestCalls((peer, job) => {
      asked++;
      return answerHonestly(served)(peer, job);
    });
    const never = async () => Promise.reject(new Error('it asks nobody'));
    const four = await createFour(
      (index) => ({
        calls: index === 0 ? { commit: never, reveal: never } : honest,
        audit: { pairPpm: 0, honeypotPpm: 0 },
        ...(index === 0 && {
          wrapContest: () => ({
            async ask(contested) {
              if (contested.asked !== 'report') told.push(contested);
              return { kind: 'silent', isTimely: true, statements: [] };
            },
          }),
        }),
      }),
      (options) => openAttacked(breaks, options),
    );
    const { own, peers, clock, chain } = four;
    // Without witnesses nobody can contradict the validator, so its claim stands.
    if (isBelieved) for (const peer of peers) Object.assign(peer.cosigning, { findMembers: async () => [] });
    for (const peer of peers) await peer.announceVerifier('v1');
    const reply = await own.deliver(0);
    served.set(toHex(reply.reply.record.replyId), reply);
    await four.certifyAll();
    await breaks.take();
    await own.runSittings();
    for (const peer of peers) await peer.certifyUpTo(own.archive.latest().epoch);
    const answers: string[] = [];
    for (let round = 0; round < (asksWitnesses ? ROUNDS : 0); round++) {
      clock.advance(ROUND_MS);
      for (const peer of peers) {
        for (const ask of told) answers.push((await peer.witness(own.signer.address, ask)).kind);
      }
    }
    do await breaks.take();
    while (await own.settlement.step().catch(() => false));
    const settled = chain.settled.reduce((sum, { batch }) => sum + Number(batch.logLength), 0);
    return { answers: [...new Set(answers)], refusals: own.refusals, settled, asked };
  },
  async stage({ play }) {
    const tried = 'called verifiers silent that it never asked: without witnesses, and after it had asked them';
    const [asked, unasked] = [await play({ asksWitnesses: true }), await play({ asksWitnesses: false })];
    const course = describeDenials(tried, { asked, unasked });
    const isRefused =
      asked.answers.join() === 'commitment' &&
      unasked.asked === 0 &&
      [asked, unasked].every(({ refusals }) => refusals.length === 1) &&
      asked.refusals.join().includes('it gave its commitment here') &&
      unasked.refusals.join().includes('that is not enough');
    return { ...course, worked: course.worked || !isRefused };
  },
});

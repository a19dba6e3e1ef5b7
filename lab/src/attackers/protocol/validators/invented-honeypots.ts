import { listVerifierIds } from '@ogong/protocol/settlement/verdict-log';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { auditByFour, settleReplies } from '../audit-replies.ts';
import { openAttacked, openAttackedVerifiers } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

/** A validator adds a honeypot to every audit, so that a friend is paid for work that the network has not asked for. */
export const inventedHoneypots = defineAttack({
  name: 'invented-honeypots',
  adversary: 'validator that invents honeypots',
  aim: 'pay a friend from the verification pool for jobs that the validator made up',
  stoppedBy: 'The beacon draws which audits have a honeypot and which verifier gets it; co-signers compute both',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ replies }: { readonly replies: number }, breaks) {
    const served = new Map<string, TestReply>();
    const calls = openAttackedVerifiers(breaks, (peer, job) => answerHonestly(served)(peer, job));
    const four = await createFour(
      (index) => ({ calls, audit: { pairPpm: 1_000_000, honeypotPpm: index === 0 ? 1_000_000 : 300_000 } }),
      (options) => openAttacked(breaks, options),
    );
    const { own, chain } = four;
    await auditByFour(four, { replies, served }, breaks);
    const named = own.decided
      .filter((entry) => listVerifierIds(entry, 'credited').length > 2)
      .map(({ replyId }) => replyId);
    await settleReplies(own, replies, breaks);
    const states = named.map((id) => own.find(id).state);
    return {
      replies,
      invented: named.length,
      drawn: states.filter((state) => state === 'settled').length,
      settled: chain.settled.reduce((sum, { batch }) => sum + batch.replies, 0),
      refused: states.filter((state) => state === 'refused').length,
    };
  },
  async stage({ play }) {
    const { replies, invented, drawn, settled, refused } = await play({ replies: 12 });
    return {
      tried: `logged a honeypot with each of ${invented} audits, of which the beacon draws ${drawn}`,
      answered: [`co-signers refuse ${refused} entries and settle ${settled}`],
      money: `${settled} third verifiers are paid`,
      worked: invented !== replies || drawn === 0 || refused === 0 || settled !== drawn || refused !== replies - drawn,
    };
  },
});

import { toHex } from '@ogong/protocol/base/bytes';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import { encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { listVerifierIds } from '@ogong/protocol/settlement/verdict-log';
import { provider } from '@ogong/testing/validator/test-bench';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { createTestReport, findServed, type TestReply } from '@ogong/testing/validator/test-reply';
import { idOfPlayed } from '../audited-network.ts';
import { openAttacked, openAttackedVerifiers } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

const HONEST = ['v1', 'v2', 'v3', 'v4'];
const LAZY = 'lazy';

/** A verifier that an honest provider tells what it committed reports just that, whatever tokens it is asked about, and runs no model. */
export const sameAnswer = defineAttack({
  name: 'same-answer',
  adversary: "verifier that repeats the provider's committed values",
  aim: 'be paid for verification without running the model, where every provider is honest and so no reply would ever refute it',
  stoppedBy: 'Some jobs are honeypots with one replaced token, so the committed values are wrong there',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ replies }: { readonly replies: number }, breaks) {
    const served = new Map<string, TestReply>();
    let answers = 0;
    const calls = openAttackedVerifiers(breaks, async (peer, job) => {
      const name = String(peer.endpoint).replace(/:1$/, '');
      const found = findServed(served.values(), job);
      if (found === undefined) throw new Error('no answer');
      if (name !== LAZY) return { report: createTestReport(found, job), signer: createTestHybrid(name) };
      answers++;
      const outputTokens = new Uint8Array(Uint32Array.from(found.reply.outputTokens).buffer);
      const claim = encodeTextClaim({ ...readTextClaim(job), outputTokens });
      return { report: createTestReport(found, { ...job, claim }), signer: createTestHybrid(name) };
    });
    const audit = { pairPpm: 1_000_000, honeypotPpm: 1_000_000 };
    const validator = openAttacked(breaks, { calls, audit });
    await validator.announce(provider);
    for (const name of [LAZY, ...HONEST]) await validator.announceVerifier(name);
    let last = 0;
    for (let i = 0; i < replies; i++) {
      const reply = await validator.deliver(i);
      served.set(toHex(reply.reply.record.replyId), reply);
      await breaks.take();
      await validator.certify();
      last = answers;
      await validator.runAudits();
    }
    const refuted = validator.decided.flatMap((entry) => listVerifierIds(entry, 'refuted')).map(toHex);
    const own = refuted.filter((id) => id === toHex(idOfPlayed(LAZY))).length;
    return { answers, refuted: own, others: refuted.length - own, isAsked: answers > last };
  },
  async stage({ play }) {
    const { answers, refuted, others, isAsked } = await play({ replies: 24 });
    return {
      tried: `answered ${answers} jobs of an honest provider with what it had committed`,
      answered: [`the log refutes ${refuted} of them, and ${others} of the other verifiers'`],
      money: `each refuted report costs a fiftieth of the stake; ${isAsked ? 'it is still asked' : 'nobody asks it any more'}`,
      worked: refuted < 2 || answers <= refuted || others > 0 || isAsked,
    };
  },
});

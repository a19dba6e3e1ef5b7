import { computePayeeEvidence } from '@ogong/protocol/audit/payee-test';
import { toHex } from '@ogong/protocol/base/bytes';
import { countEntry, INITIAL_TESTS, type SubjectTests } from '@ogong/protocol/settlement/log-tests';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { CHEAT, createTestPolicy, HONEST, seeDrift } from '@ogong/testing/validator/drift-fixture';
import { provider } from '@ogong/testing/validator/test-bench';
import { PAYEE, type TestReply } from '@ogong/testing/validator/test-reply';
import { REPLIES } from '../audited-network.ts';
import { openAttacked, openAttackedVerifiers } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

const LIAR = 'liar';
const OTHERS = ['honest-0', 'honest-1'];
/** Rates at which nothing is rejected, or in doubt: no report of the attack can be refuted. */
const RATES = { reject: 1e-6, doubt: 2e-6 };

/**
 * One verifier of three, in a class that a drift table compares by scores, wants an honest provider out. It rejects nothing, and so is
 * never refuted: each of its reports is as far off as a report can be that is accepted.
 */
export const farOutScores = defineAttack({
  name: 'far-out-scores',
  adversary: 'verifier whose scores are far off but never enough for a reject',
  aim: 'Move the test of an honest provider in each audit that draws it, and never be refuted',
  stoppedBy: 'Above a limit another verifier is asked, and the second largest e-value counts',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ replies }: { readonly replies: number }, breaks) {
    const served = new Map<string, TestReply>();
    let lies = 0;
    const see = seeDrift(served, (name) => (name === LIAR ? CHEAT : HONEST));
    const calls = openAttackedVerifiers(breaks, (peer, job) => {
      if (String(peer.endpoint).startsWith(LIAR)) lies++;
      return see(peer, job);
    });
    const drift = createTestPolicy('test', RATES);
    const validator = openAttacked(breaks, { calls, audit: { drift, pairPpm: 0, honeypotPpm: 0 } });
    await validator.announce(provider);
    for (const name of [LIAR, ...OTHERS]) await validator.announceVerifier(name);
    for (let number = 0; number < replies; number++) {
      const reply = await validator.deliver(number);
      served.set(toHex(reply.reply.record.replyId), reply);
      await breaks.take();
      await validator.certify();
      await validator.runSittings();
    }
    const entries = validator.decided;
    return { entries, lies, evidence: countEvidence(entries) };
  },
  async stage({ play }) {
    const { entries, lies, evidence } = await play({ replies: REPLIES });
    return {
      tried: `reported far-off scores in ${lies} audits of ${REPLIES} honest replies, as one verifier of three, and rejected none`,
      answered: [
        ...countTexts(entries.map(({ verdict, eValuePpm }) => `${verdict}${eValuePpm > 1e6 ? ', against it' : ''}`)),
        `the log has evidence of ${evidence.toFixed(2)} against the provider; 1,000 ejects`,
      ],
      money: 'no fee was lost, and no report could be refuted',
      worked: entries.length !== REPLIES || evidence > 1 || entries.some(({ verdict }) => verdict !== 'accept'),
    };
  },
});

/** As every co-signer counts it. */
function countEvidence(entries: readonly VerdictEntry[]): number {
  const states = new Map<string, SubjectTests>();
  for (const entry of entries) {
    countEntry(
      {
        find: (subject) => states.get(toHex(subject)) ?? INITIAL_TESTS,
        put: (subject, tests) => void states.set(toHex(subject), tests),
      },
      entry,
    );
  }
  return computePayeeEvidence((states.get(toHex(PAYEE)) ?? INITIAL_TESTS).replies);
}

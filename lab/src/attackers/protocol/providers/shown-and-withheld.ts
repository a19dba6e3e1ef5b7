import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { OPENING_HANDED } from '@ogong/protocol/exchange/complaint';
import { createTestClock, provider } from '@ogong/testing/validator/test-bench';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { createTestReport, findServed, type TestReply } from '@ogong/testing/validator/test-reply';
import { readStatus } from '@ogong/validator/reply-status';
import { openAttacked, openAttackedVerifiers } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

interface WithheldNetwork {
  /** Whether the payer's gateway hands over its copies of openings when the validator waits for them. */
  readonly payerHands: boolean;
}

const VERIFIERS = ['v1', 'v2', 'v3'];
const REPLIES = 8;
/** The provider runs another model, so its prompt has other tokens than the verifiers find. */
const SEEN = { promptTokenCount: 1, promptTokensHash: new Uint8Array(32).fill(1) };
const WINDOW_MS = 30_000;

/** The provider forges every reply. It opens each one to its consumer, and none to the validator. */
export const shownAndWithheld = defineAttack({
  name: 'shown-and-withheld',
  adversary: 'provider that opens its forged replies to consumers, and withholds the audited openings',
  aim: 'be paid for the forged replies that no beacon selects, and lose only single fees for the others',
  stoppedBy: 'The validator asks the payer for its copy of an opening that the provider withholds',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ payerHands }: WithheldNetwork, breaks) {
    const served = new Map<string, TestReply>();
    const calls = openAttackedVerifiers(breaks, async (peer, job) => {
      const name = VERIFIERS.find((one) => `${one}:1` === String(peer.endpoint));
      const reply = findServed(served.values(), job);
      if (name === undefined || reply === undefined) throw new Error('no answer');
      return { report: createTestReport(reply, job, SEEN), signer: createTestHybrid(name) };
    });
    const clock = createTestClock();
    const validator = openAttacked(breaks, {
      clock,
      calls,
      audit: { honeypotPpm: 0, windowMs: WINDOW_MS },
      getOpening: async () => {
        throw new LinkError('remote', 'no opening for you', { refusal: 'not-found' });
      },
    });
    await validator.announce(provider);
    for (const name of VERIFIERS) await validator.announceVerifier(name);

    /** As the gateway does with each of its delivered replies. */
    async function handOver({ reply, submission }: TestReply): Promise<void> {
      const status = readStatus(validator.store, { crypto }, reply.record.replyId);
      const isWanted = JSON.parse(status?.detail ?? '{}').waitsForOpening === true;
      if (!payerHands || !isWanted) return;
      const { request, endpoint, response } = submission;
      await validator.complain({
        order: { order: submission.order.order, signature: submission.order.signature },
        reason: OPENING_HANDED,
        opening: reply.openingBytes,
        texts: { request, endpoint, response },
        record: undefined,
      });
    }

    let refused = 0;
    for (let i = 0; i < REPLIES; i++) {
      const reply = await validator.deliver(i).catch(() => undefined);
      if (reply === undefined) {
        refused++;
        continue;
      }
      served.set(toHex(reply.reply.record.replyId), reply);
      await validator.certify();
      await breaks.take();
      for (let asked = 0; asked < 40 && validator.find(reply.reply.record.replyId).state !== 'decided'; asked++) {
        await validator.runAudits();
        await handOver(reply);
        clock.advance(WINDOW_MS / 8);
        await validator.runSittings();
      }
    }
    const entries = [...validator.decided];
    await validator.close();
    return { entries, refused };
  },
  async stage({ play }) {
    const { entries, refused } = await play({ payerHands: true });
    const paid = entries.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n);
    return {
      tried: `${REPLIES} forged replies, opened to the consumer and to no validator`,
      answered: [
        ...countTexts(entries.map(({ verdict, evidence, step }) => `${verdict}, ${evidence} evidence, step ${step}`)),
        `${refused} further orders are refused, because the provider is ejected`,
      ],
      money: `${paid} atomic units were paid for ${entries.length} forged replies`,
      worked: paid > 0n || refused === 0,
    };
  },
});

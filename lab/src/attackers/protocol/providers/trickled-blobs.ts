import { LinkError } from '@ogong/host/link/link-error';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { createTestClock, otherProvider, provider, providerId } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { deliverPictured, TEST_PICTURES } from '@ogong/testing/validator/test-pictures';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { openAttacked } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

const SLOW = 12;
const HONEST = 4;
const WINDOW_MS = 600_000;
/** Looks of the validator. Each takes up one audit. */
const MOST_LOOKS = 100;

/** The attacker sends the opening and each blob of its replies at the last moment. It fills all places for audits. */
export const trickledBlobs = defineAttack({
  name: 'trickled-blobs',
  adversary: 'provider that sends each blob of its openings at the last moment',
  aim: 'hold all places for audits, so that openings of others are not asked for within a day',
  stoppedBy: 'All messages of a call share one deadline, and places go to the payee that holds the fewest',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_given, breaks) {
    const clock = createTestClock();
    const slowPayee = createTestPayee('slow');
    const blobs = new Map<string, Uint8Array>();
    const slow = new Set<string>();
    const served = new Map<string, TestReply>();
    const keptUntilMs = clock.nowMs() + OPENING_KEPT_MS;
    const validator = openAttacked(breaks, {
      ...{ clock, verifiers: (peer, job) => answerHonestly(served)(peer, job) },
      audit: { windowMs: WINDOW_MS, concurrency: 1, honeypotPpm: 0 },
      async getOpening(_peer, replyId, { timeoutMs }) {
        if (slow.has(toHex(replyId))) clock.advance(timeoutMs - 1);
        if (clock.nowMs() > keptUntilMs) throw new LinkError('remote', 'deleted', { refusal: 'not-found' });
        return (served.get(toHex(replyId)) as TestReply).reply.openingBytes;
      },
      async getBlob(_peer, _replyId, ref, _blind, { timeoutMs }) {
        clock.advance(timeoutMs - 1);
        return blobs.get(toHex(ref.root)) as Uint8Array;
      },
      getMedia: async () => TEST_PICTURES,
    });
    await validator.announce(provider);
    await validator.announce(otherProvider, {}, slowPayee);
    for (const name of ['v1', 'v2']) await validator.announceVerifier(name);
    for (let number = 0; number < SLOW; number++) {
      const sent = await deliverPictured(validator, number, { provider: otherProvider, payee: slowPayee });
      const key = toHex(sent.served.reply.record.replyId);
      slow.add(key);
      served.set(key, sent.served);
      for (const [root, bytes] of sent.blobs) blobs.set(root, bytes);
    }
    for (let number = SLOW; number < SLOW + HONEST; number++) {
      const reply = await validator.deliver(number);
      served.set(toHex(reply.reply.record.replyId), reply);
    }
    await breaks.take();
    await validator.certify();
    const listHonest = () => validator.decided.filter((entry) => equalBytes(entry.providerId, providerId));
    for (let looks = 0; looks < MOST_LOOKS && listHonest().length < HONEST; looks++) {
      if (looks === HONEST) await breaks.take();
      await validator.runAudits();
      clock.advance(1_000);
    }
    const honest = listHonest();
    await validator.close();
    return { honest, tookMs: clock.nowMs() - (keptUntilMs - OPENING_KEPT_MS) };
  },
  async stage({ play }) {
    const { honest, tookMs } = await play();
    return {
      tried: `sends the openings and blobs of ${SLOW} replies as late as the validator waits, before ${HONEST} replies of another provider`,
      answered: [
        ...countTexts(honest.map(({ verdict }) => `the reply of the other provider: ${verdict}`)),
        `the audits take ${Math.round(tookMs / 1000)} s`,
      ],
      worked: honest.length < HONEST || honest.some(({ verdict }) => verdict !== 'accept'),
    };
  },
});

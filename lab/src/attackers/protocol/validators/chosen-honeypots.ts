import { toHex } from '@ogong/protocol/base/bytes';
import { proveVrf } from '@ogong/protocol/crypto/vrf';
import { decodeDraws } from '@ogong/protocol/modality/text/commitment/window';
import { plantText } from '@ogong/protocol/modality/text/honeypot-check';
import { computePlantSeed, readHoneypotNonce } from '@ogong/protocol/verdict/honeypot/honeypot';
import { computeHoneypotInput } from '@ogong/protocol/verdict/honeypot/honeypot-draw';
import type { BenchOptions, TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createFour } from '@ogong/testing/validator/test-four';
import { seedOf } from '@ogong/testing/validator/test-keys';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { auditByFour, settleReplies } from '../audit-replies.ts';
import { openAttacked, openAttackedVerifiers } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

const ALWAYS = 1_000_000;
/** Its own program checks no nonce. */
const BELIEVED = { vrfKey: 'believed' } as const;

interface ChosenHoneypotsPlay {
  readonly replies: number;
  /** `nonce`: it looks for nonces by which nothing is planted. `silence`: it tells of none. `nothing`: it is honest. */
  readonly chooses: 'nonce' | 'silence' | 'nothing';
}

interface StoredPlant {
  readonly reply_id: Uint8Array;
  readonly beacon: Uint8Array;
  readonly proof: Uint8Array;
}

/** Returns whether the honeypot of a reply with this proof has a replaced token. */
function replacesToken({ reply }: TestReply, beacon: Uint8Array, proof: Uint8Array): boolean {
  const { header, opening, record } = reply;
  const draw = { beacon, replyId: record.replyId };
  const rows = opening.windows.flatMap(({ draws }) => decodeDraws(draws, header).rows);
  const nonce = readHoneypotNonce(crypto, 'believed', draw, proof) as Uint8Array;
  return plantText(crypto, { rows }, computePlantSeed(crypto, draw, nonce)).position !== undefined;
}

/**
 * A validator wants its friends to get replies as they are, so that they need not run the model. It looks for a nonce
 * that plants nothing, or leaves the answer to a honeypot out of its entry.
 */
export const chosenHoneypots = defineAttack({
  name: 'chosen-honeypots',
  adversary: 'validator that chooses or hides its honeypots',
  aim: 'spare a friend that runs no model the jobs that would show it',
  stoppedBy: "A honeypot's nonce is a VRF output over the beacon, and each entry accounts for every drawn honeypot",
  restarts: ['validator', 'signer', 'verifier'],
  async play({ replies, chooses }: ChosenHoneypotsPlay, breaks) {
    const served = new Map<string, TestReply>();
    let tries = 0;
    const grind = (input: Uint8Array, validator: TestValidator): Uint8Array => {
      const { value: beacon } = validator.archive.find(validator.archive.latest().epoch) as { value: Uint8Array };
      const drawOf = ({ reply }: TestReply) => ({ beacon, replyId: reply.record.replyId });
      const found = [...served.values()].find(
        (one) => toHex(computeHoneypotInput(crypto, drawOf(one))) === toHex(input),
      ) as TestReply;
      for (;;) {
        const proof = proveVrf(seedOf(`ground ${tries++}`), input);
        if (!replacesToken(found, beacon, proof)) return proof;
      }
    };
    const calls = openAttackedVerifiers(breaks, (peer, job) => answerHonestly(served)(peer, job));
    const cheat: BenchOptions = {
      nonce: { vrf: { prove: (input: Uint8Array) => grind(input, four.own), findKey: async () => BELIEVED } },
      silence: { audit: { pairPpm: ALWAYS, honeypotPpm: 0 } },
      nothing: {},
    }[chooses];
    const four: Awaited<ReturnType<typeof createFour>> = await createFour(
      (index) => ({ calls, audit: { pairPpm: ALWAYS, honeypotPpm: ALWAYS }, ...(index === 0 ? cheat : {}) }),
      (options) => openAttacked(breaks, options),
    );
    const { own, chain } = four;
    await auditByFour(four, { replies, served }, breaks);
    const rows = own.store.prepare('SELECT reply_id, beacon, proof FROM honeypots').all() as unknown as StoredPlant[];
    const planted = rows.filter(({ reply_id: replyId, beacon, proof }) =>
      replacesToken(served.get(toHex(replyId)) as TestReply, beacon, proof),
    ).length;
    await settleReplies(own, replies, breaks);
    const states = own.decided.map(({ replyId }) => own.find(replyId).state);
    return {
      replies: own.decided.length,
      planted,
      tries,
      settled: chain.settled.reduce((sum, { batch }) => sum + batch.replies, 0),
      refused: states.filter((state) => state === 'refused').length,
    };
  },
  async stage({ play }) {
    const { replies, planted, tries, settled, refused } = await play({ replies: 8, chooses: 'nonce' });
    return {
      tried: `tried ${tries} keys until ${replies} honeypots were about replies as they are`,
      answered: [`co-signers refuse ${refused} entries and settle ${settled}`],
      money: 'no friend is paid for them',
      worked: planted > 0 || settled > 0 || refused !== replies || tries <= replies,
    };
  },
});

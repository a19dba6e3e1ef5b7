import { toHex } from '@ogong/protocol/base/bytes';
import type { ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import type { TestValidator } from './test-bench.ts';
import { answerHonestly, type TestVerifiers } from './test-calls.ts';
import { createFour } from './test-four.ts';

/** A report of another class whose scores reject. */
export const FAR: Partial<ScoreReport> = {
  exact: false,
  numericClass: 'other',
  tailGap: { gap: 0xc00000, position: 0 },
};

/**
 * Four validators whose verifiers reject every reply by scores, which ejects nobody at once.
 * @param create makes each of them, as in createFour.
 */
export async function createScored(create?: Parameters<typeof createFour>[1]) {
  const served: TestValidator['served'] = new Map();
  const verifiers: TestVerifiers = (peer, job) => answerHonestly(served, FAR)(peer, job);
  const four = await createFour({ verifiers }, create);
  for (const name of ['v2', 'v3']) await four.own.announceVerifier(name);
  let number = 0;
  return {
    ...four,
    /** Delivers and rejects replies of one provider, one after another. */
    async reject(count: number): Promise<void> {
      for (let i = 0; i < count; i++) {
        const reply = await four.own.deliver(number++);
        served.set(toHex(reply.reply.record.replyId), reply);
        await four.certifyAll();
        await four.own.runSittings();
        for (const peer of four.peers) await peer.certifyUpTo(four.own.archive.latest().epoch);
      }
    },
  };
}

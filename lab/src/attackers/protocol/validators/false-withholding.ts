import { toHex } from '@ogong/protocol/base/bytes';
import { judge } from '@ogong/protocol/verdict/judge';
import type { JudgementContext } from '@ogong/protocol/verdict/judgement';
import { network } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { beginAudit } from '@ogong/validator/store/replies/reply-changes';
import { decideReply } from '@ogong/validator/store/verdict-store';
import { openAttacked } from '../breaks.ts';
import { defineAttack, describeDenials } from '../define-attack.ts';

const ROUNDS = 20;
const ROUND_MS = 10_000;
const NO_RECEIPT = { epoch: 1n, signature: new Uint8Array(65) };

/**
 * A validator never asks for an opening, and logs that the provider withheld it. Its payer, a friend, owes nothing, and
 * the provider loses its name. It may ask the witnesses first: for the opening, or for the texts as well. A provider
 * refuses the texts as long as it has no receipt for its record.
 */
export const falseWithholding = defineAttack({
  name: 'false-withholding',
  adversary: 'validator that never asks for an opening',
  aim: 'call an opening withheld that nobody asked for, so that the reply is unpaid and its provider loses its name',
  stoppedBy: 'Witnesses ask the provider themselves before an opening counts as withheld',
  restarts: ['validator', 'signer', 'verifier'],
  async play(
    { asksWitnesses }: { readonly asksWitnesses: 'never' | 'for the opening' | 'for texts without a receipt' },
    breaks,
  ) {
    let asked = 0;
    const four = await createFour(
      {
        async getOpening(_provider, replyId) {
          asked++;
          return four.own.served.get(toHex(replyId))!.reply.openingBytes;
        },
        async getTexts() {
          throw new Error('no beacon has decided yet: there is no receipt');
        },
      },
      (options) => openAttacked(breaks, options),
    );
    const { own, peers, clock, chain } = four;
    const { submission, reply } = await own.deliver(0);
    await four.certifyAll();
    await breaks.take();
    const { record, header, headerProof } = submission;
    const bound = { ...record, header, headerProof };
    const intake = asksWitnesses === 'for texts without a receipt' ? NO_RECEIPT : undefined;
    const answers: string[] = [];
    for (let round = 0; round < (asksWitnesses === 'never' ? 0 : ROUNDS); round++) {
      clock.advance(ROUND_MS);
      for (const peer of peers) {
        const asked = peer.witness(own.signer.address, { order: submission.order, asked: 'opening', bound, intake });
        answers.push(
          await asked.then(
            ({ kind }) => kind,
            (error: Error) => error.message,
          ),
        );
      }
    }
    await breaks.take();
    const { replyId } = reply.record;
    const evidence = { kind: 'withheld', statements: [] } as const;
    const judgement = judge(own.cosigning.crypto, { claim: {} } as JudgementContext, evidence);
    const context = { crypto: own.cosigning.crypto, ...network, validator: own.signer.address };
    const nowMs = clock.nowMs();
    await own.group.write((db) => {
      beginAudit(db, replyId, 4n, { deadlineMs: nowMs, askAtMs: nowMs });
      return decideReply(db, context, { replyId, decision: { judgement, evidence, beaconEpoch: 4n }, nowMs });
    });
    do await breaks.take();
    while (await own.settlement.step().catch(() => false));
    const settled = chain.settled.reduce((sum, { batch }) => sum + Number(batch.logLength), 0);
    return { answers: [...new Set(answers)], refusals: own.refusals, settled, asked };
  },
  async stage({ play }) {
    const tried = 'called openings withheld that it never asked for: without witnesses, and after it had asked them';
    const [asked, unasked] = [await play({ asksWitnesses: 'for the opening' }), await play({ asksWitnesses: 'never' })];
    const course = describeDenials(tried, { asked, unasked });
    const isRefused =
      asked.answers.join() === 'opening' &&
      unasked.asked === 0 &&
      [asked, unasked].every(({ refusals }) => refusals.length === 1) &&
      asked.refusals.join().includes('received the data that the entry calls missing') &&
      unasked.refusals.join().includes('that is not enough');
    return { ...course, worked: course.worked || !isRefused };
  },
});

import type { TestValidator } from '@ogong/testing/validator/test-bench';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

const messageOf = ({ message }: Error): string => message;

/**
 * The provider has forgotten the payer's first order. A second order with the same nonce has the same reply id, and the honest
 * provider signs a second record under it.
 */
export const oldIdFraming = defineAttack({
  name: 'old-id-framing',
  adversary: 'payer with an old order',
  aim: 'have an honest provider ejected by two records that it signed for two orders of one reply id',
  stoppedBy: 'The header of a record names the hash of its order; two records convict only if they name the same order',
  restarts: ['validator', 'signer', 'verifier'],
  async play(validator: TestValidator, breaks) {
    await validator.deliver(0);
    await breaks.take();
    const first = validator.order(0);
    const { order, signature } = first;
    const second = validator.serve(validator.order(1, { nonce: first.fields.nonce }));
    const { record } = second.submission;
    const complaint = { order: first, reason: 'two records', record, opening: second.reply.openingBytes };
    const complained = await validator.complain(complaint).then(({ outcome }) => outcome, messageOf);
    await breaks.take();
    const framed = { ...second.submission, order: { order, signature } };
    const delivered = await validator.intake.pushRecord(framed).then(() => 'taken', messageOf);
    await breaks.take();
    const isServing = await validator.deliver(2).then(
      () => true,
      () => false,
    );
    return { complained, delivered, rejects: validator.decided.length, isServing };
  },
  async stage({ play, breaks }) {
    const { complained, delivered, rejects, isServing } = await play(openAttacked(breaks));
    return {
      tried:
        'sent two records that the provider signed for two orders of one reply id, as a complaint and as a delivery',
      answered: [
        `to the complaint: ${complained}`,
        `to the delivery: ${delivered}`,
        `${rejects} verdicts against the provider; its next reply is ${isServing ? 'taken' : 'refused'}`,
      ],
      worked: rejects > 0 || !isServing || ![complained, delivered].every((answer) => answer.includes('header-order')),
    };
  },
});

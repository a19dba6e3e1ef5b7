import { ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { createTestOrder } from '@ogong/testing/validator/test-reply';
import { defineAttack } from '../define-attack.ts';
import { addProgress, describeVerdict, openBilling, price, priceReply } from './billed-reply.ts';

const STANDBY_PER_1K = 1_000n;
const TOKENS = 20;

/**
 * Another provider was faster, and the payer left this reply untaken. The provider finishes it all the same, drops the
 * payer's statement, and bills prompt and answer. Its first bill has the payer's signed progress of the other reply.
 */
export const untakenBill = defineAttack({
  name: 'untaken-bill',
  adversary: 'standby provider that bills an answer that nobody took',
  aim: 'be paid for an answer that its payer has taken from somebody else',
  stoppedBy: 'A standby order bills only its prompt until its payer signs for some of the text',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_network, breaks) {
    const { validator, serve, audit } = await openBilling(breaks);
    const createOrder = (index: number) =>
      createTestOrder({
        ...{ payer, ledger, provider, index, validator: validator.signer.address, tokens: TOKENS },
        ...{ epoch: validator.archive.latest().epoch, expiresAtMs: validator.clock.nowMs() + 120_000 },
        demands: { standby: Number(STANDBY_PER_1K) },
      });
    const [lost, won] = [createOrder(0), createOrder(1)];
    await validator.intake.admit(lost);
    const untaken = serve(validator.serve(lost));
    const { progress } = addProgress(won, validator.serve(won), { textBytes: 4, hasLeft: false });
    await breaks.take();
    const forged = await validator.intake.pushRecord({ ...untaken.submission, progress }).then(
      () => '',
      (error: Error) => error.message,
    );
    await validator.intake.pushRecord(untaken.submission);
    await audit();
    await validator.close();
    const standbyAtomic = price(STANDBY_PER_1K, untaken.reply.header.promptTokenCount);
    return { forged, entry: validator.decided[0], standbyAtomic, claimedAtomic: priceReply(untaken) };
  },
  async stage({ play }) {
    const { forged, entry, standbyAtomic, claimedAtomic } = await play();
    const paidAtomic = entry?.feeAtomic ?? 0n;
    return {
      tried:
        'made an answer to its end whose payer took another one, and billed it: with the word about the other one, and with none',
      answered: [`to the first bill: ${forged || 'it is taken'}`, describeVerdict(entry)],
      money: `${paidAtomic} of ${claimedAtomic} atomic units are paid, for standing by`,
      worked:
        !forged.includes("not the payer's, or not about this text") ||
        entry?.verdict !== 'accept' ||
        paidAtomic !== standbyAtomic ||
        claimedAtomic <= 100n * standbyAtomic,
    };
  },
});

import { payer } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { admitReply } from '@ogong/validator/store/admission-store';
import { openAttacked } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

const CHANNEL = { spendable: 10n ** 18n, spent: 0n };

/**
 * A key that nobody knows forges one reply, under an order worth far more than its entrance. Every reply of such a key is audited, and
 * here its verifiers are in league with it: they report what it committed to. It loses nothing but the entrance, whatever comes.
 */
export const oneLargeReply = defineAttack({
  name: 'one-large-reply',
  adversary: 'provider with a new key and one large reply',
  aim: 'be paid for one forged reply that is worth more than the entrance of its key',
  stoppedBy: 'An order costs at most the entrance plus twice the held earnings of the key',
  restarts: ['validator', 'signer', 'verifier'],
  async play(
    {
      heldAtomic,
      entranceAtomic,
      maxFeeAtomic,
      isValidatorInLeague,
    }: {
      readonly heldAtomic: bigint;
      readonly entranceAtomic: bigint;
      readonly maxFeeAtomic: bigint;
      /** Admits what it should not. */
      readonly isValidatorInLeague: boolean;
    },
    breaks,
  ) {
    const options = { heldFor: async () => heldAtomic, entranceAtomic };
    const four = await createFour(options, (one) => openAttacked(breaks, one));
    const { own, chain } = four;
    const refusals: string[] = [];
    // A price at which the reply costs all that the order allows.
    const tokens = 43n;
    const price = { maxFeeAtomic, pricePer1kAtomic: (1_000n * maxFeeAtomic) / tokens, cumulativeAtomic: maxFeeAtomic };
    const order = own.order(0, price, payer);
    await breaks.take();
    if (isValidatorInLeague) {
      const signed = { order: order.fields, orderBytes: order.order, orderSignature: order.signature };
      await own.group.write((db) =>
        admitReply(db, { ...signed, consent: order.consent, admittedEpoch: 0n, admittedAtMs: 0, channel: CHANNEL }),
      );
    } else {
      await own.intake.admit(order).catch((error: Error) => refusals.push(error.message));
    }
    if (refusals.length === 0) {
      await own.intake.pushRecord(own.serve(order).submission);
      await four.certifyAll();
      await own.runAudits();
      do await breaks.take();
      while (await own.settlement.step());
      refusals.push(...own.refusals);
    }
    const settledAtomic = chain.settled.flatMap(({ lines }) => lines).reduce((sum, { gross }) => sum + gross, 0n);
    await Promise.all([own, ...four.peers].map((one) => one.close()));
    const gainAtomic = settledAtomic > entranceAtomic ? settledAtomic - entranceAtomic : 0n;
    return { refusals, settledAtomic, gainAtomic };
  },
  async stage({ play }) {
    const entranceAtomic = 1_000_000n;
    const { refusals, settledAtomic, gainAtomic } = await play({
      ...{ heldAtomic: 0n, entranceAtomic, maxFeeAtomic: 50n * entranceAtomic, isValidatorInLeague: true },
    });
    return {
      tried: 'forged one reply worth 50 entrances under a new key; validator and verifiers are in league with it',
      answered: countTexts(refusals),
      money: `${settledAtomic} atomic units are settled; ${gainAtomic} are left of them`,
      worked: settledAtomic > 0n || gainAtomic > 0n || !refusals.join().includes('may be paid up to 1000000 at once'),
    };
  },
});

import { defaultHolding } from '@ogong/chain/deploy/deploy';
import { computeFeeBound } from '@ogong/protocol/audit/fee-bound';
import { createFour } from '@ogong/testing/validator/test-four';
import { cheat } from '@ogong/testing/validator/test-proposal';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

interface WashedName {
  /** Honest replies that it buys from itself first, each as cheap as one can be. */
  readonly washes: number;
  readonly entranceAtomic: bigint;
  /** Price of the forged reply after them. `most`: the maximum that the network admits. */
  readonly dearAtomic: bigint | 'most';
}

/** As cheap as a reply can be: one token of an answer to three of a prompt, at the price of the test bench. */
const WASH_TOKENS = 1;
const WASH_FEE = 10_000n;
const DEAR_TOKENS = 43n;

/**
 * A reputation that counts replies is cheap: one token each, bought from oneself. This network counts the held earnings
 * of the key instead. It does not admit the dear reply. It audits the dearest admitted one, and a forged reply costs
 * the key all held earnings.
 */
export const washedName = defineAttack({
  name: 'washed-name',
  adversary: 'provider with a good reputation from cheap replies',
  aim: 'be trusted with one dear reply that it forges, after many cheap ones that it serves honestly, and keep its fee',
  stoppedBy:
    'Price limit and audit rate of an order follow from the held earnings of the key, never from its count of replies',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ washes, entranceAtomic, dearAtomic }: WashedName, breaks) {
    let heldAtomic = 0n;
    const options = { heldFor: async () => heldAtomic, entranceAtomic };
    const four = await createFour(options, (one) => openAttacked(breaks, one));
    const { own, chain } = four;
    const sumSettled = (): bigint =>
      chain.settled.flatMap(({ lines }) => lines).reduce((sum, { gross }) => sum + gross, 0n);
    const settle = async (): Promise<void> => {
      await four.certifyAll();
      // A validator audits a few at a time.
      for (let i = 0; i < washes; i++) await own.runAudits();
      do await breaks.take();
      while (await own.settlement.step());
    };
    for (let number = 0; number < washes; number++) {
      const fee = { maxFeeAtomic: WASH_FEE, cumulativeAtomic: WASH_FEE * BigInt(number + 1) };
      const order = own.order(number, fee, undefined, WASH_TOKENS);
      await own.intake.admit(order);
      await own.intake.pushRecord(own.serve(order).submission);
    }
    await settle();
    const earned = sumSettled();
    heldAtomic = earned > entranceAtomic ? earned - entranceAtomic : 0n;
    const bound = computeFeeBound({ entranceAtomic, growthPpm: defaultHolding.growth }, heldAtomic) ?? 0n;
    const maxFeeAtomic = dearAtomic === 'most' ? bound : dearAtomic;
    const price = { maxFeeAtomic, pricePer1kAtomic: (1_000n * maxFeeAtomic) / DEAR_TOKENS };
    const order = own.order(washes, { ...price, cumulativeAtomic: 10n ** 9n + maxFeeAtomic });
    const refusal = await own.intake.admit(order).then(
      () => '',
      (error: Error) => error.message,
    );
    if (refusal === '') {
      await own.intake.pushRecord(own.serve(order, cheat).submission);
      await settle();
    }
    const forged = sumSettled() - earned;
    const isEjected = chain.settled.some(({ ejections }) => ejections.length > 0);
    await Promise.all([own, ...four.peers].map((one) => one.close()));
    return { heldAtomic, refusal, isEjected, gainAtomic: isEjected ? -heldAtomic : forged };
  },
  async stage({ play }) {
    const given = { washes: 20, entranceAtomic: 10_000n };
    const dear = await play({ ...given, dearAtomic: 900_000n });
    const most = await play({ ...given, dearAtomic: 'most' });
    return {
      tried: `served ${given.washes} honest replies of a token to itself, and forged one dear reply after them`,
      answered: [
        `the dear order: ${dear.refusal || 'it is admitted'}`,
        `the dearest that is admitted is forged: the key is ${most.isEjected ? 'ejected' : 'not ejected'}`,
      ],
      money: `the key held ${most.heldAtomic} atomic units, and gains ${most.gainAtomic}`,
      worked:
        !/the order pays up to 900000, its provider holds \d+ and may be paid up to \d+ at once/.test(dear.refusal) ||
        dear.isEjected ||
        dear.gainAtomic !== 0n ||
        most.refusal !== '' ||
        !most.isEjected ||
        most.heldAtomic <= 0n ||
        most.gainAtomic !== -most.heldAtomic,
    };
  },
});

import { defaultHolding } from '@ogong/chain/deploy/deploy';
import { computeFeeBound } from '@ogong/protocol/audit/fee-bound';
import { createFour } from '@ogong/testing/validator/test-four';
import { cheat } from '@ogong/testing/validator/test-proposal';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS, openAttacked } from '../breaks.ts';

export interface WashedName {
  /** Honest replies that it buys from itself first, each as cheap as one can be. */
  readonly washes: number;
  readonly entranceAtomic: bigint;
  /** What the forged reply after them is to cost. `most`: as much as the network lets it. */
  readonly dearAtomic: bigint | 'most';
}

export interface WashedOutcome {
  /** What its key holds by then, the entrance apart. */
  readonly heldAtomic: bigint;
  /** Why the dear order is not admitted; empty where it is. */
  readonly refusal: string;
  readonly isEjected: boolean;
  /** What is left of the forged fee, less what the key held and loses: below zero it loses. */
  readonly gainAtomic: bigint;
}

/** As cheap as a reply can be: one token of an answer to three of a prompt, at the price of the test bench. */
const WASH_TOKENS = 1;
const WASH_FEE = 10_000n;
const DEAR_TOKENS = 43n;

/**
 * A name that counts replies is cheap: one token each, bought from oneself. This one counts what the key holds. So the dear reply after
 * them is not admitted; and the dearest that is, is audited, and costs all that was held if it is found out.
 */
export const washedName: ProtocolAttack<WashedName, Promise<WashedOutcome>> = {
  name: 'washed-name',
  adversary: 'provider with a good reputation from cheap replies',
  aim: 'be trusted with one dear reply that it forges, after many cheap ones that it serves honestly, and keep its fee',
  stoppedBy:
    'Price limit and audit rate of an order follow from the held earnings of the key, never from its count of replies',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ washes, entranceAtomic, dearAtomic }, breaks = NO_BREAKS) {
    let heldAtomic = 0n;
    const options = { heldFor: async () => heldAtomic, entranceAtomic };
    const four = await createFour(options, (one) => openAttacked(breaks, one));
    const { own, chain } = four;
    const sumSettled = (): bigint =>
      chain.settled.flatMap(({ lines }) => lines).reduce((sum, { gross }) => sum + gross, 0n);
    const settle = async (): Promise<void> => {
      await four.certifyAll();
      // A validator judges a few at a time.
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
};

import { LinkError, Refusal } from '@ogong/host/link/link-error';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import { type FindRouter, findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';

export interface RebateNetwork {
  readonly validator: TestValidator;
  /** What providers and co-signers know of the chain. */
  readonly findRouter: FindRouter;
}

export interface RebateOutcome {
  /** What the validator says to the order, and what everybody else finds about its router. */
  readonly admission: string;
  readonly problem: string | undefined;
}

/** A payer orders by a ticket that it signed itself, in the name of an account of its own. */
export const unregisteredRouter: ProtocolAttack<RebateNetwork, Promise<RebateOutcome>> = {
  name: 'unregistered-router',
  adversary: 'payer that names its own account as router',
  aim: 'has a hundredth of each fee back, which is meant for those who match',
  stoppedBy: 'An order names a router that has a bond on the chain, or none at all',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ validator, findRouter }, breaks = NO_BREAKS) {
    const { address: router } = createTestPayee("the payer's other account");
    const order = validator.order(0, { router });
    await breaks.take();
    const admission = await validator.intake.admit(order).then(
      () => 'admitted',
      (error: unknown) => {
        if (error instanceof Refusal || error instanceof LinkError) return `refused: ${error.message}`;
        throw error;
      },
    );
    const problem = await findRouterProblem(findRouter, { router }, computeSpanAround(validator.clock.nowMs()));
    return { admission, problem };
  },
};

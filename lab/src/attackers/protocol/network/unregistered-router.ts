import { LinkError, Refusal } from '@ogong/host/link/link-error';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import { type FindRouter, findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { openAttacked } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

const NO_BOND = 'the account that the order names as its router has no bond as one';

/** A payer orders by a ticket that it signed itself, in the name of an account of its own. */
export const unregisteredRouter = defineAttack({
  name: 'unregistered-router',
  adversary: 'payer that names its own account as router',
  aim: 'has a hundredth of each fee back, which is meant for those who match',
  stoppedBy: 'An order names a router that has a bond on the chain, or none at all',
  restarts: ['validator', 'signer', 'verifier'],
  async play(
    { validator, findRouter }: { readonly validator: TestValidator; readonly findRouter: FindRouter },
    breaks,
  ) {
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
  async stage({ play, breaks }) {
    const findRouter = async () => undefined;
    const validator = openAttacked(breaks, { findRouter });
    const { admission, problem } = await play({ validator, findRouter });
    return {
      tried: 'ordered by a ticket of its own, in the name of an account that has no bond as a router',
      answered: [`the validator: ${admission}`, `providers and co-signers: ${problem ?? 'it is taken'}`],
      worked: problem !== NO_BOND || admission !== `refused: [failed_precondition] ${NO_BOND}`,
    };
  },
});

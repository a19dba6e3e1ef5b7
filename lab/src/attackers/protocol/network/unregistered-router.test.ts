import type { FindRouter } from '@ogong/protocol/stage1/registered-router';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { unregisteredRouter } from './unregistered-router.ts';

const NO_BOND = 'the account that the order names as its router has no bond as one';

it('an account without a bond gets no part of a fee', async () => {
  const findRouter: FindRouter = async () => undefined;
  const validator = createTestValidator({ findRouter });
  const outcome = await unregisteredRouter.play({ validator, findRouter });
  expect(outcome).toEqual({ admission: `refused: [failed_precondition] ${NO_BOND}`, problem: NO_BOND });
});

it('it works where nobody looks at the chain', async () => {
  const findRouter: FindRouter = async () => ({ ticketKey: new Uint8Array(32), sinceMs: 0, untilMs: undefined });
  const validator = createTestValidator({ findRouter });
  expect(await unregisteredRouter.play({ validator, findRouter })).toEqual({
    admission: 'admitted',
    problem: undefined,
  });
});

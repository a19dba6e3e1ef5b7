import type { FindRouter } from '@ogong/protocol/stage1/registered-router';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { unregisteredRouter } from './unregistered-router.ts';

it('it works where nobody looks at the chain', async () => {
  const findRouter: FindRouter = async () => ({ ticketKey: new Uint8Array(32), sinceMs: 0, untilMs: undefined });
  const validator = createTestValidator({ findRouter });
  expect(await unregisteredRouter.play({ validator, findRouter })).toEqual({
    admission: 'admitted',
    problem: undefined,
  });
});

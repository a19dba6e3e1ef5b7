import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { oldIdFraming } from './old-id-framing.ts';

it('two records for two orders of one reply id eject nobody', async () => {
  const outcome = await oldIdFraming.play(createTestValidator());
  expect(outcome).toEqual({
    complained: expect.stringContaining('header-order'),
    delivered: expect.stringContaining('header-order'),
    rejects: 0,
    isServing: true,
  });
});

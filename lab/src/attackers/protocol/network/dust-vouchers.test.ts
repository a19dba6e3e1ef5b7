import { expect, it } from 'vitest';
import { dustVouchers } from './dust-vouchers.ts';

it('a node that pays by the unit has no signature checked, no chain asked and nothing written', async () => {
  const { sent, ...outcome } = await dustVouchers.play(undefined);
  expect(sent).toBeGreaterThan(0);
  expect(outcome).toEqual({ taken: 0, checked: 0, asked: 0, kept: 0, paid: true });
});

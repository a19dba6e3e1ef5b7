import { expect, it } from 'vitest';
import { overcountingRelay } from './overcounting-relay.ts';

it('a relay that says that vouchers are used up is paid for no byte twice', async () => {
  const { claimableAtomic, countedAtomic } = await overcountingRelay.play(undefined);
  expect(claimableAtomic).toBeGreaterThan(0n);
  expect(claimableAtomic).toBeLessThanOrEqual(countedAtomic);
});

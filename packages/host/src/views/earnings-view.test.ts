import type { ChainClient } from '@ogong/chain/client';
import { describe, expect, it } from 'vitest';
import { createEarningsView } from './earnings-view.ts';

const account = { providerId: new Uint8Array(32).fill(1), payee: new Uint8Array(20).fill(2) };

function createView(period: number) {
  const asked: number[] = [];
  const state = { isDown: false };
  const client = {
    parameters: async () => ({ holding: { period, entrance: 0n, growth: 0 } }),
    async heldIn(_providerId: unknown, _payee: unknown, which: number) {
      if (state.isDown) throw new Error('down');
      asked.push(which);
      return BigInt(which);
    },
  } as unknown as ChainClient;
  return { asked, state, view: createEarningsView({ client: async () => client }) };
}

describe('held earnings', () => {
  it('are those of the whole period before, read once', async () => {
    const { asked, state, view } = createView(60);
    expect(await view.heldFor(account, 600_000)).toBe(9n);
    state.isDown = true;
    expect(await view.heldFor(account, 659_999)).toBe(9n);
    await expect(view.heldFor(account, 660_000)).rejects.toThrow('down');
    await expect(view.heldFor({ ...account, payee: account.providerId }, 600_000)).rejects.toThrow('down');
    state.isDown = false;
    expect(await view.heldFor(account, 660_000)).toBe(10n);
    expect(asked).toEqual([9, 10]);
  });

  it('are unknown to a network that holds none', async () => {
    expect(await createView(0).view.heldFor(account, 600_000)).toBeUndefined();
  });
});

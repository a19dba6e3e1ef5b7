import { describe, expect, it } from 'vitest';
import { dustRouters } from './dust-routers.ts';

/** Gas limit of one transaction (EIP-7825). */
const TRANSACTION_GAS = 16_777_216;

describe('a crowd of new payers, payees and routers', () => {
  it('has all its replies settled, in batches that a transaction holds', async () => {
    const { orders, settledReplies, gas } = await dustRouters.play({ orders: 250 });
    expect(settledReplies).toBe(orders);
    expect(Math.max(...gas)).toBeLessThan(TRANSACTION_GAS);
  });
});

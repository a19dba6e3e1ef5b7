import { fromHex } from '@ogong/protocol/base/bytes';
import { startTestLedger } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStakeView } from './stake-view.ts';

const UNREAD = new Uint8Array(20).fill(9);

describe('stake', () => {
  let ledger: Awaited<ReturnType<typeof startTestLedger>>;
  beforeAll(async () => {
    ledger = await startTestLedger();
  });
  afterAll(() => ledger?.stop());

  it('is known only for accounts that were read', async () => {
    const stakes = createStakeView({ client: async () => ledger.governor }, 'stakesOf');
    const provider = await ledger.createMember(50n);
    await provider.client.stake(30n);
    const payee = fromHex(provider.address.slice(2));
    expect([stakes.stakeOf(payee), stakes.isKnown(payee)]).toEqual([0n, false]);
    await stakes.refresh([payee, UNREAD, payee]);
    expect([stakes.stakeOf(payee), stakes.isKnown(payee)]).toEqual([30n, true]);
    expect([stakes.stakeOf(UNREAD), stakes.isKnown(UNREAD)]).toEqual([0n, true]);
    const priorities = createStakeView({ client: async () => ledger.governor }, 'prioritiesOf');
    await provider.client.prioritize(20n);
    await priorities.refresh([payee, UNREAD]);
    expect([priorities.stakeOf(payee), priorities.stakeOf(UNREAD)]).toEqual([20n, 0n]);
    expect([await ledger.governor.lockedOf(payee), await ledger.governor.lockedOf(UNREAD)]).toEqual([50n, 0n]);
    await stakes.refresh([payee]);
    expect(stakes.stakeOf(payee)).toBe(30n);
    await stakes.refresh([]);
    expect(stakes.isKnown(payee)).toBe(false);
  });
});

describe('a chain that is down', () => {
  it('leaves known stakes', async () => {
    const payee = new Uint8Array(20).fill(1);
    let isDown = false;
    const stakesOf = async () => (isDown ? Promise.reject(new Error('down')) : [7n]);
    const stakes = createStakeView({ client: async () => ({ stakesOf }) }, 'stakesOf');
    await stakes.refresh([payee]);
    isDown = true;
    await expect(stakes.refresh([payee, UNREAD])).rejects.toThrow('down');
    expect([stakes.stakeOf(payee), stakes.isKnown(UNREAD)]).toEqual([7n, false]);
  });
});

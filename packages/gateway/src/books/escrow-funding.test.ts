import type { ChainClient, Channel } from '@ogong/chain/client';
import type { ChainView } from '@ogong/host/views/chain-view';
import { describe, expect, it } from 'vitest';
import { createEscrowFunding } from './escrow-funding.ts';

const validator = new Uint8Array(20).fill(1);
const payer = new Uint8Array(20).fill(2);

/** A chain with one channel, which can be made to lose its connection before the nth transaction is answered. */
function createChain(start: { balance: bigint; free: bigint; admitted: bigint }) {
  const state = { ...start };
  const sent: string[] = [];
  let failAt = Number.POSITIVE_INFINITY;
  const transact = (name: string, effect: () => void): void => {
    effect();
    sent.push(name);
    if (sent.length === failAt) throw new Error('the connection was lost');
  };
  const channel = (): Channel => ({
    admitted: state.admitted,
    spent: 0n,
    releasing: 0n,
    releasableAt: 0n,
    spendable: state.admitted,
  });
  const client = {
    channelOf: async () => channel(),
    freeOf: async () => state.free,
    paymentBalanceOf: async () => state.balance,
    async deposit(amount: bigint) {
      transact(`deposit ${amount}`, () => {
        state.balance -= amount;
        state.free += amount;
      });
    },
    async admit(_validator: Uint8Array, amount: bigint) {
      transact(`admit ${amount}`, () => {
        state.free -= amount;
        state.admitted += amount;
      });
    },
  } as unknown as ChainClient;
  const chain: Pick<ChainView, 'channel' | 'client'> = { channel: async () => channel(), client: async () => client };
  return { chain, sent, state, failAt: (n: number) => (failAt = n) };
}

function createFunding(chain: Pick<ChainView, 'channel' | 'client'>, errors: unknown[] = [], amounts = {}) {
  const options = { payer, depositAtomic: 1000n, allowanceAtomic: 100n, ...amounts };
  return createEscrowFunding(options, { chain, onError: (error) => errors.push(error) });
}

describe('an account that pays by a key', () => {
  it('spends no more than the key may sign for, and its limit is read again once it does not suffice', async () => {
    const { chain, sent } = createChain({ balance: 5_000n, free: 0n, admitted: 900n });
    const reads: bigint[] = [];
    let limit = 500n;
    const keyLimitOf = async () => {
      reads.push(limit);
      return limit;
    };
    const client = async () => ({ ...(await chain.client()), keyLimitOf }) as never;
    const none = { depositAtomic: 0n, allowanceAtomic: 0n, key: new Uint8Array(20).fill(3) };
    const funding = createFunding({ ...chain, client }, [], none);
    expect((await funding.provide(validator, 400n)).spendable).toBe(500n);
    await funding.provide(validator, 500n);
    expect(reads).toEqual([500n]);
    limit = 2_000n;
    expect((await funding.provide(validator, 501n)).spendable).toBe(900n);
    expect(reads).toEqual([500n, 2_000n]);
    expect(sent).toEqual([]);
  });
});

describe('the escrow', () => {
  it('is filled before the first order and left alone while it lasts', async () => {
    const { chain, sent } = createChain({ balance: 5000n, free: 0n, admitted: 0n });
    const funding = createFunding(chain);
    expect((await funding.provide(validator, 30n)).spendable).toBe(130n);
    expect(sent).toEqual(['deposit 1000', 'admit 130']);
    await funding.provide(validator, 80n);
    await funding.stop();
    expect(sent).toHaveLength(2);
  });

  it('is filled for what orders hold that have not expired, beside what is spent', async () => {
    const { chain, sent } = createChain({ balance: 0n, free: 5000n, admitted: 130n });
    const funding = createFunding(chain);
    expect((await funding.provide(validator, 30n, 60n)).spendable).toBe(130n);
    expect((await funding.provide(validator, 30n, 140n)).spendable).toBe(240n);
    await funding.stop();
    expect(sent).toEqual(['admit 110']);
  });

  it('is filled in the background once half of it is signed away', async () => {
    const { chain, sent } = createChain({ balance: 0n, free: 5000n, admitted: 130n });
    const funding = createFunding(chain);
    expect((await funding.provide(validator, 90n)).spendable).toBe(130n);
    await funding.stop();
    expect(sent).toEqual(['admit 60']);
  });

  it('is filled once however many orders wait for it', async () => {
    const { chain, sent } = createChain({ balance: 5000n, free: 0n, admitted: 0n });
    const funding = createFunding(chain);
    const channels = await Promise.all([1, 2, 3, 4].map(() => funding.provide(validator, 30n)));
    expect(channels.map(({ spendable }) => spendable)).toEqual([130n, 130n, 130n, 130n]);
    expect(sent).toHaveLength(2);
  });

  it('gets what there is where there is less', async () => {
    const { chain, sent } = createChain({ balance: 40n, free: 10n, admitted: 0n });
    expect((await createFunding(chain).provide(validator, 30n)).spendable).toBe(50n);
    expect(sent).toEqual(['deposit 40', 'admit 50']);
  });

  it('moves nothing twice when the answer to a transaction was lost', async () => {
    for (const n of [1, 2]) {
      const { chain, sent, state, failAt } = createChain({ balance: 5000n, free: 0n, admitted: 0n });
      failAt(n);
      const errors: unknown[] = [];
      await createFunding(chain, errors).provide(validator, 30n);
      expect(errors).toHaveLength(1);
      failAt(Number.POSITIVE_INFINITY);
      expect((await createFunding(chain).provide(validator, 30n)).spendable).toBe(130n);
      expect(sent).toEqual(['deposit 1000', 'admit 130']);
      expect(state).toEqual({ balance: 4000n, free: 870n, admitted: 130n });
    }
  });

  it('is not touched where nobody asked for it', async () => {
    const { chain, sent } = createChain({ balance: 5000n, free: 500n, admitted: 0n });
    expect((await createFunding(chain, [], { allowanceAtomic: 0n }).provide(validator, 30n)).spendable).toBe(0n);
    expect((await createFunding(chain, [], { depositAtomic: 0n }).provide(validator, 450n)).spendable).toBe(500n);
    expect(sent).toEqual(['admit 500']);
  });
});

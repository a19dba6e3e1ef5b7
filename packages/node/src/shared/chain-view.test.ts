import type { ChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { describe, expect, it } from 'vitest';
import { createChainView } from './chain-view.ts';

const address = (byte: string): string => `0x${byte.repeat(20)}`;
const deployment = { chainId: 31_337, escrow: address('01'), settlement: address('02') } as unknown as Deployment;
const [payer, validator, provider] = [1, 2, 3].map((n) => new Uint8Array(20).fill(n)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

/** A chain that answers, fails or hangs as it is told. */
function open() {
  const state = { now: 0, spendable: 7n, how: 'answers' as 'answers' | 'fails' | 'hangs', asked: 0 };
  const answer = <T>(value: T): Promise<T> => {
    state.asked++;
    if (state.how === 'hangs') return new Promise(() => {});
    return state.how === 'fails' ? Promise.reject(new Error('down')) : Promise.resolve(value);
  };
  const client = {
    channelOf: () => answer({ spendable: state.spendable }),
    isEjected: () => answer(true),
  } as unknown as ChainClient;
  const errors: unknown[] = [];
  const view = createChainView(
    { deployment, refreshMs: 1_000, patienceMs: 20 },
    { connect: async () => client, clock: { nowMs: () => state.now }, onError: (error) => errors.push(error) },
  );
  const spendable = async (options?: { fresh: boolean }) => (await view.channel(payer, validator, options)).spendable;
  return { state, view, spendable, errors };
}

describe('what is remembered of a channel', () => {
  it('is read again after the refresh interval, or when asked to', async () => {
    const { state, spendable } = open();
    expect(await spendable()).toBe(7n);
    state.spendable = 8n;
    expect(await spendable()).toBe(7n);
    expect(await spendable({ fresh: true })).toBe(8n);
    state.spendable = 9n;
    state.now += 1_000;
    expect(await spendable()).toBe(9n);
  });

  it.each(['fails', 'hangs'] as const)('stands in while the chain %s', async (how) => {
    const { state, spendable } = open();
    await spendable();
    state.how = how;
    state.now += 1_000;
    expect(await spendable()).toBe(7n);
  });

  it('spares a chain that hangs, and whoever asks in the meantime', async () => {
    const { state, spendable } = open();
    await spendable();
    state.how = 'hangs';
    state.now += 1_000;
    await spendable();
    const { asked } = state;
    await spendable();
    expect(state.asked).toBe(asked);
    state.how = 'answers';
    state.spendable = 8n;
    state.now += 1_000;
    expect(await spendable()).toBe(8n);
  });

  it('fails where there is nothing to remember', async () => {
    const { state, spendable } = open();
    state.how = 'fails';
    await expect(spendable()).rejects.toThrow('down');
  });
});

describe('an ejection', () => {
  it.each(['fails', 'hangs'] as const)(
    'is not assumed while the chain %s, and known for good once read',
    async (how) => {
      const { state, view } = open();
      state.how = how;
      expect(await view.isEjected(provider)).toBe(false);
      state.how = 'answers';
      state.now += 1_000;
      expect(await view.isEjected(provider)).toBe(true);
      state.how = how;
      state.now += 1_000;
      expect(await view.isEjected(provider)).toBe(true);
    },
  );
});

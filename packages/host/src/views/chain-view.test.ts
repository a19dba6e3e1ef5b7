import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { describe, expect, it } from 'vitest';
import { createChainView } from './chain-view.ts';

const hex = (byte: string, size: number): `0x${string}` => `0x${byte.repeat(size)}`;
const deployment = {
  chainId: 31_337,
  token: hex('01', 20),
  parameters: hex('02', 20),
  staking: hex('03', 20),
  registry: hex('04', 20),
  escrow: hex('05', 20),
  settlement: hex('06', 20),
  models: hex('07', 20),
  earnings: hex('08', 20),
  cases: hex('09', 20),
  hearings: hex('0a', 20),
  equivocation: hex('0b', 20),
  block: 1,
};
const bytes = (byte: number, size: number): Uint8Array => new Uint8Array(size).fill(byte);

function createChain() {
  const state = {
    stake: 5n,
    isEmpty: false,
    isDown: false,
    isHanging: false,
    reads: 0,
    spent: 0n,
    ejected: false,
    earned: 0n,
    bonded: 0n,
    connects: 0,
  };
  const guard = (): Promise<void> => {
    state.reads++;
    if (state.isDown) throw new ChainError('rpc-unreachable', 'down');
    return state.isHanging ? new Promise(() => {}) : Promise.resolve();
  };
  const client = {
    async validatorsAt(block = 12n) {
      await guard();
      if (state.isEmpty) return { block, validators: [] };
      const one = {
        account: hex('aa', 20),
        signingKey: hex('ab', 20),
        stake: state.stake,
        endpoint: 'a:1',
        certHash: hex('bb', 32),
        vrfKey: hex('cc', 32),
      };
      return { block, validators: [one] };
    },
    async parameters() {
      await guard();
      return { limits: { alpha: 7 } };
    },
    async channelOf() {
      await guard();
      return { admitted: 9n, spent: state.spent, releasing: 0n, releasableAt: 0n, spendable: 9n };
    },
    async isEjected() {
      await guard();
      return state.ejected;
    },
    async earningsOf() {
      await guard();
      return { earned: state.earned, bonded: state.bonded };
    },
  } as unknown as ChainClient;
  let now = 0;
  const view = createChainView(
    { deployment, refreshMs: 1_000, patienceMs: 20 },
    {
      async connect() {
        state.connects++;
        await guard();
        return client;
      },
      clock: { nowMs: () => now },
    },
  );
  return {
    state,
    view,
    advance: (ms: number) => {
      now += ms;
    },
  };
}

describe('chain view', () => {
  it('knows the validators by address and by certificate', async () => {
    const { view } = createChain();
    expect(view.validators()).toEqual([]);
    await view.refresh();
    expect(view.findByAddress(bytes(0xaa, 20))).toMatchObject({ stake: 5n, endpoint: 'a:1' });
    expect(view.findByCertHash(bytes(0xbb, 32))?.vrfKey).toEqual(bytes(0xcc, 32));
    expect(view.findByCertHash(bytes(0xbb, 32))?.signingKey).toEqual(bytes(0xab, 20));
    expect(view.findByCertHash(bytes(0xba, 32))).toBeUndefined();
    expect(view.parameters()?.limits.alpha).toBe(7);
    expect(view.ledger).toEqual({ chainId: 31_337n, verifyingContract: bytes(5, 20) });
    expect(view.network).toEqual({ chainId: 31_337n, settlement: bytes(6, 20) });
  });

  it('recalls a validator for an hour after it has left', async () => {
    const { view, state, advance } = createChain();
    await view.refresh();
    expect(view.listing()).toMatchObject({ block: 12n, validators: [{ stake: 5n }] });
    expect((await view.listingAt(9n)).block).toBe(9n);
    state.isEmpty = true;
    await view.refresh();
    const find = () => [view.findByAddress(bytes(0xaa, 20)), view.findByCertHash(bytes(0xbb, 32))];
    const recall = () => [view.recallByAddress(bytes(0xaa, 20))?.stake, view.recallByCertHash(bytes(0xbb, 32))?.stake];
    expect([find(), recall()]).toEqual([
      [undefined, undefined],
      [5n, 5n],
    ]);
    advance(3_600_000);
    await view.refresh();
    expect(recall()).toEqual([undefined, undefined]);
  });

  it('keeps for a day the lists that it has read, one for each change', async () => {
    const { view, state, advance } = createChain();
    expect(view.recentLists()).toEqual([]);
    const stakes = () => view.recentLists().map((members) => members.map(({ stake }) => stake));
    await view.refresh();
    const [first] = view.recentLists();
    await view.refresh();
    expect(view.recentLists()).toHaveLength(1);
    expect(view.recentLists()[0]).toBe(first);
    state.stake = 6n;
    await view.refresh();
    state.isEmpty = true;
    await view.refresh();
    expect(stakes()).toEqual([[], [6n], [5n]]);
    advance(87_000_001);
    await view.refresh();
    expect(stakes()).toEqual([[]]);
  });

  it('keeps what it knows while the chain is down, and connects again', async () => {
    const { view, state, advance } = createChain();
    state.isDown = true;
    await expect(view.refresh()).rejects.toMatchObject({ code: 'rpc-unreachable' });
    await expect(view.channel(bytes(1, 20), bytes(2, 20))).rejects.toMatchObject({ code: 'rpc-unreachable' });
    state.isDown = false;
    await view.refresh();
    expect((await view.channel(bytes(1, 20), bytes(2, 20))).spendable).toBe(9n);
    state.isDown = true;
    advance(5_000);
    await expect(view.refresh()).rejects.toMatchObject({ code: 'rpc-unreachable' });
    expect(view.validators().length).toBe(1);
    expect((await view.channel(bytes(1, 20), bytes(2, 20))).spendable).toBe(9n);
    expect(state.connects).toBe(3);
  });

  it('does not use an old reading of a channel, even after failed attempts to renew it', async () => {
    const { view, state, advance } = createChain();
    const read = () => view.channel(bytes(1, 20), bytes(2, 20), { maxAgeMs: 3_000 });
    await read();
    state.isDown = true;
    advance(2_000);
    expect((await read()).spendable).toBe(9n);
    state.isDown = false;
    state.isHanging = true;
    advance(1_000);
    expect((await read()).spendable).toBe(9n);
    state.isHanging = false;
    state.isDown = true;
    advance(1);
    await expect(read()).rejects.toMatchObject({ code: 'rpc-unreachable' });
    await expect(view.channel(bytes(1, 20), bytes(2, 20), { fresh: true, maxAgeMs: 3_000 })).rejects.toMatchObject({
      code: 'rpc-unreachable',
    });
    expect((await view.channel(bytes(1, 20), bytes(2, 20))).spendable).toBe(9n);
  });

  it('reads a channel once per interval, unless asked for the newest', async () => {
    const { view, state, advance } = createChain();
    const read = async (fresh = false) => (await view.channel(bytes(1, 20), bytes(2, 20), { fresh })).spent;
    expect(await read()).toBe(0n);
    state.spent = 4n;
    expect(await read()).toBe(0n);
    expect(await read(true)).toBe(4n);
    state.spent = 5n;
    advance(1_000);
    expect(await read()).toBe(5n);
  });

  it('reads a channel again if the last reading covers too little, and an unknown one once', async () => {
    const { view, state } = createChain();
    const read = async (coversAtomic: bigint) => view.channel(bytes(1, 20), bytes(2, 20), { coversAtomic });
    await read(10n);
    const { reads } = state;
    await read(9n);
    expect(state.reads).toBe(reads);
    await read(10n);
    expect(state.reads).toBe(reads + 1);
  });

  it('uses the last reading while the chain hangs, and does not ask it repeatedly', async () => {
    const { view, state, advance } = createChain();
    const read = async () => (await view.channel(bytes(1, 20), bytes(2, 20))).spent;
    await read();
    state.isHanging = true;
    state.spent = 4n;
    advance(1_000);
    expect(await read()).toBe(0n);
    const { reads } = state;
    expect(await read()).toBe(0n);
    expect(state.reads).toBe(reads);
    state.isHanging = false;
    advance(1_000);
    expect(await read()).toBe(4n);
  });

  it('remembers ejections for good, and reports none while the chain is down', async () => {
    const { view, state, advance } = createChain();
    state.isDown = true;
    expect(await view.isEjected(bytes(1, 32))).toBe(false);
    state.isDown = false;
    expect(await view.isEjected(bytes(1, 32))).toBe(false);
    state.ejected = true;
    expect(await view.isEjected(bytes(1, 32))).toBe(false);
    advance(1_000);
    expect(await view.isEjected(bytes(1, 32))).toBe(true);
    state.isHanging = true;
    advance(1_000);
    expect(await view.isEjected(bytes(1, 32))).toBe(true);
    expect(await view.isEjected(bytes(2, 32))).toBe(false);
    state.isDown = true;
    advance(9_000);
    expect(await view.isEjected(bytes(1, 32))).toBe(true);
  });

  it('knows keys with earnings or a bond, and none while the chain is down', async () => {
    const { view, state, advance } = createChain();
    const isBacked = () => view.isBacked(bytes(1, 32), bytes(2, 20));
    state.isDown = true;
    state.bonded = 1n;
    expect(await isBacked()).toBe(false);
    state.isDown = false;
    advance(1_000);
    expect(await isBacked()).toBe(true);
    Object.assign(state, { bonded: 0n, earned: 5n });
    advance(1_000);
    expect(await isBacked()).toBe(true);
    state.earned = 0n;
    advance(1_000);
    expect(await isBacked()).toBe(false);
  });
});

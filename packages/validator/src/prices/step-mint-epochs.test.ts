import { ChainError } from '@ogong/chain/errors';
import { MINT_EPOCH_S } from '@ogong/protocol/settlement/burn-mint';
import { describe, expect, it } from 'vitest';
import { CLOSE_TURN_S, stepMintEpochs, WATCHED_EPOCHS } from './step-mint-epochs.ts';

const FIRST = 400_000n;

function createThree() {
  const chain = { now: (FIRST + 1n) * MINT_EPOCH_S, refusal: undefined as string | undefined };
  const epochs = new Map<bigint, { dollars: bigint; isClosed: boolean }>();
  const closed: bigint[] = [];
  const members = [1, 2, 3].map((i) => ({
    ...{ address: new Uint8Array(20).fill(i), signingKey: new Uint8Array(20), stake: 1n, endpoint: '' },
    ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32) },
  }));
  const client = {
    priceState: async () => ({ now: chain.now }),
    mintEpoch: async (number: bigint) => ({ dollars: 0n, isClosed: false, ...epochs.get(number) }),
    async closeMintEpoch(number: bigint) {
      const { refusal: name } = chain;
      if (name !== undefined) throw new ChainError('reverted', name, { revert: { name, args: [] } });
      epochs.set(number, { dollars: 1n, isClosed: true });
      return { transactionHash: '0xff' };
    },
  };
  const step = (i: number) =>
    stepMintEpochs({
      ...{ token: `0x${'70'.repeat(20)}`, validator: members[i]?.address ?? new Uint8Array(20) },
      chain: { client: async () => client as never, validators: () => members },
      onClosed: (number) => closed.push(number),
    });
  const turn = (number: bigint): number => Number(number % 3n);
  return { chain, epochs, closed, step, turn };
}

describe('epochs of minting', () => {
  it('are closed once, when they are over and somebody earned something', async () => {
    const { chain, epochs, closed, step, turn } = createThree();
    epochs.set(FIRST, { dollars: 5n, isClosed: false });
    chain.now -= 1n;
    await step(turn(FIRST));
    expect(closed).toEqual([]);
    chain.now += 1n;
    await step(turn(FIRST));
    await step(turn(FIRST));
    expect(closed).toEqual([FIRST]);
  });

  it('are closed by the next validator after a while, and by no non-validator', async () => {
    const { chain, epochs, closed, step, turn } = createThree();
    epochs.set(FIRST, { dollars: 5n, isClosed: false });
    chain.now += CLOSE_TURN_S - 1n;
    const next = (turn(FIRST) + 1) % 3;
    await step(next);
    await step(9);
    expect(closed).toEqual([]);
    chain.now += 1n;
    await step(next);
    expect(closed).toEqual([FIRST]);
  });

  it('are left if they are older than a day', async () => {
    const { chain, epochs, closed, step } = createThree();
    const number = FIRST + 1n - WATCHED_EPOCHS;
    epochs.set(number, { dollars: 5n, isClosed: false });
    epochs.set(number - 1n, { dollars: 5n, isClosed: false });
    chain.now += MINT_EPOCH_S - 1n;
    await step(0);
    expect(closed).toEqual([number]);
  });

  it('wait without a price, and are no failure if another one was faster', async () => {
    const { chain, epochs, closed, step, turn } = createThree();
    epochs.set(FIRST, { dollars: 5n, isClosed: false });
    chain.refusal = 'ClosedAlready';
    await step(turn(FIRST));
    chain.refusal = 'NoPrice';
    await expect(step(turn(FIRST))).rejects.toThrow('NoPrice');
    expect(closed).toEqual([]);
  });
});

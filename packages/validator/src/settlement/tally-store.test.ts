import type { Hex } from '@ogong/chain/hex';
import { computeTally } from '@ogong/host/views/emission-view';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { verifyEmissionProof } from '@ogong/protocol/settlement/emission';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { describe, expect, it } from 'vitest';
import { createTallyStore } from './tally-store.ts';

const account = (label: number): Hex => `0x${label.toString(16).padStart(40, '0')}`;
const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

const STATE = { start: 0n, period: 1n, lambdaPpm: 0n, allotted: 0n, talliedUntil: 0n, now: 0n };

/** Work of one hour, of as many payees as its number says and one more. */
function createWork(number: number) {
  const lines = Array.from({ length: number + 1 }, (_, i) => ({
    ...{ providerId: `0x${'11'.repeat(32)}` as Hex, payee: account(i + 1), router: account(0) },
    recycled: 100n * BigInt(i + 1),
  }));
  const recycled = lines.reduce((sum, line) => sum + line.recycled, 0n);
  return { recycled, batches: [{ validator: account(0xaa), lines, verifiers: [] }], ejected: [] };
}

function create() {
  const chain = { count: 1, readings: 0, lists: 0, isOther: false, release: undefined as (() => void) | undefined };
  const clock = { ms: 0, nowMs: () => clock.ms };
  const client = async () => ({
    emissionState: async () => ({ ...STATE, count: chain.count }),
    async allotments() {
      chain.lists++;
      return Array.from({ length: chain.count }, (_, number) => {
        const tally = computeTally(crypto, createWork(number));
        const root: Hex = chain.isOther ? `0x${'22'.repeat(32)}` : `0x${toHex(tally?.root as Uint8Array)}`;
        return {
          number,
          since: BigInt(number),
          until: BigInt(number + 1),
          root,
          units: tally?.units ?? 0n,
          budget: 1n,
        };
      });
    },
    async recycledWork(since: bigint) {
      chain.readings++;
      if (chain.release !== undefined) await new Promise<void>((resolve) => (chain.release = resolve));
      return createWork(Number(since));
    },
  });
  return { chain, clock, book: createTallyStore({ crypto, clock, client }) };
}

describe('the tallies that a validator shows', () => {
  it('prove what each account has, and are read once', async () => {
    const { chain, book } = create();
    chain.count = 3;
    const root = computeTally(crypto, createWork(2))?.root as Uint8Array;
    for (const label of [1, 2, 3, 0xaa]) {
      const { units, proof } = await book.find(2, bytes(account(label)));
      expect(units).toBe(label === 0xaa ? 60n : 70n * BigInt(label));
      expect(verifyEmissionProof(crypto, root, { account: bytes(account(label)), units }, proof)).toBe(true);
    }
    expect(chain).toMatchObject({ readings: 1, lists: 1 });
    await expect(book.find(2, bytes(account(9)))).rejects.toThrow('has nothing for that account');
  });

  it('are searched again after a while, and not for a caller that asks for any number', async () => {
    const { chain, clock, book } = create();
    for (const number of [1, 5, 4_294_967_295]) {
      await expect(book.find(number, bytes(account(1)))).rejects.toThrow('no tally');
    }
    expect(chain).toMatchObject({ readings: 0, lists: 1 });
    chain.count = 2;
    await expect(book.find(1, bytes(account(1)))).rejects.toThrow('no tally');
    clock.ms = 10_000;
    expect((await book.find(1, bytes(account(1)))).units).toBe(70n);
  });

  it('are read one at a time, for all who ask', async () => {
    const { chain, book } = create();
    chain.count = 2;
    chain.release = () => {};
    const both = [1, 0xaa].map((label) => book.find(0, bytes(account(label))));
    await expect(book.find(1, bytes(account(1)))).rejects.toThrow('ask again');
    const release = chain.release;
    chain.release = undefined;
    release();
    expect((await Promise.all(both)).map(({ units }) => units)).toEqual([70n, 10n]);
    expect((await book.find(1, bytes(account(1)))).units).toBe(70n);
    expect(chain.readings).toBe(2);
  });

  it('are not shown if the quorum signed another one', async () => {
    const { chain, book } = create();
    chain.isOther = true;
    await expect(book.find(0, bytes(account(1)))).rejects.toThrow('the root that the quorum signed');
    // Nobody has the validator read the same events again and again.
    await expect(book.find(0, bytes(account(1)))).rejects.toThrow('recently');
    expect(chain.readings).toBe(1);
  });
});

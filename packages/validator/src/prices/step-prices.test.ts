import { type Address, bytesToHex } from '@ogong/chain/hex';
import type { PriceState } from '@ogong/chain/money/burn-and-mint';
import { Refusal } from '@ogong/host/link/link-error';
import type { SignedQuote } from '@ogong/protocol/settlement/price-quotes';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { type PriceReading, toPriceReading } from './price-source.ts';
import { openPricingState, type PricingState, signOwnQuote } from './price-state.ts';
import { isDue, PRICE_TURN_S, stepPrices } from './step-prices.ts';

const TOKEN: Address = `0x${'70'.repeat(20)}`;
const STABLE: Address = `0x${'5a'.repeat(20)}`;
const NOW = 1_800_000_000n;
const AGE = 3_600n;
const TEN_CENTS = 10n ** 17n;
const domain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(6) };
const nobody = { price: 0n, time: 0n };

/** Three validators that are feeds, and a fourth that is none, on one chain. */
function createFour() {
  const keys = [0, 1, 2].map((i) => createTestLedgerSigner(seedOf(`feed ${i}`)));
  const prices = new Map<Address, Pick<PriceState, 'last' | 'doubted'>>();
  const chain = { now: NOW, feeds: keys, decimalsRead: 0 };
  const posted: { asset: Address; prices: readonly bigint[]; by: number }[] = [];
  const heard: string[] = [];
  const readings: PriceReading[] = [0, 1, 2, 3].map(() => reading(100_000_000n));
  const members = [0, 1, 2, 3].map((i) => ({
    ...{ address: new Uint8Array(20).fill(i + 1), signingKey: new Uint8Array(20), stake: 1n, endpoint: '' },
    ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32) },
  }));
  const connect = (by: number) => ({
    priceState: async (asset: Address): Promise<PriceState> => ({
      ...(prices.get(asset) ?? { last: nobody, doubted: nobody }),
      feeds: chain.feeds.map(({ address }) => ({ address: bytesToHex(address), quotedAt: 0n })),
      ...{ maxAge: AGE, now: chain.now },
    }),
    async describeAsset(asset: Address) {
      chain.decimalsRead++;
      return { symbol: 'X', decimals: asset === STABLE ? 6 : 18 };
    },
    async postPrice(asset: Address, quotes: readonly SignedQuote[]) {
      posted.push({ asset, prices: quotes.map(({ price }) => price), by });
      const price = quotes[Math.floor(quotes.length / 2)]?.price as bigint;
      prices.set(asset, {
        last: { price, time: quotes.map(({ time }) => time).reduce((a, b) => (a < b ? a : b)) },
        doubted: nobody,
      });
      return { transactionHash: '0xff' };
    },
  });
  const states: PricingState[] = members.map(({ address }, i) =>
    openPricingState({
      ...{ crypto, domain, token: TOKEN, validator: address },
      key: keys[i] ?? createTestLedgerSigner(seedOf('no feed')),
      chain: { client: async () => connect(i) as never, validators: () => members },
      read: async () => readings[i] as PriceReading,
      async ask(peer): Promise<SignedQuote> {
        const at = (peer.address[0] as number) - 1;
        if (at === 3) throw new Refusal('precondition', 'this validator is no price feed');
        return signOwnQuote(states[at] as PricingState, asking);
      },
      onPosted: (asset, price, quotes) => heard.push(`${asset.slice(0, 4)} ${price} of ${quotes}`),
      onTooFew: (asset, quotes) => heard.push(`too few: ${asset.slice(0, 4)} ${quotes}`),
      onSilent: (error) => heard.push(String(error)),
      onError: (error) => heard.push(String(error)),
    }),
  );
  let asking = TOKEN;
  for (const state of states) {
    const { ask } = state;
    Object.assign(state, {
      ask(peer: Parameters<typeof ask>[0], asset: Address) {
        asking = asset;
        return ask(peer, asset);
      },
    });
  }
  const step = (i: number) => stepPrices(states[i] as PricingState, new AbortController().signal);
  /** Each has read its source. */
  const readAll = () => {
    for (const [i, state] of states.entries()) state.reading = readings[i];
  };
  readAll();
  return { chain, posted, heard, readings, states, step, readAll };
}

function reading(tokenNanoUsd: bigint, at = NOW, stableNanoUsd = 1_000_000_000n): PriceReading {
  return { at, tokenNanoUsd, assets: new Map([[STABLE, stableNanoUsd]]) };
}

describe('a price that feeds say', () => {
  it('is posted once for all assets, with the signatures of all who agree', async () => {
    const { posted, heard, step } = createFour();
    // The chain has no price: its last one is of time 0, so the first one's turn is now.
    await step(0);
    expect(posted).toEqual([
      { asset: TOKEN, prices: [TEN_CENTS, TEN_CENTS, TEN_CENTS], by: 0 },
      { asset: STABLE, prices: [10n ** 30n, 10n ** 30n, 10n ** 30n], by: 0 },
    ]);
    await step(0);
    await step(1);
    expect(posted).toHaveLength(2);
    expect(heard.filter((line) => !line.includes('no price feed'))).toHaveLength(2);
  });

  it('is posted by the next one if the first is silent, and the median leaves a liar out', async () => {
    const { chain, posted, readings, readAll, step } = createFour();
    readings[2] = reading(900_000_000n);
    readAll();
    await step(1);
    expect(posted).toEqual([]);
    chain.now += PRICE_TURN_S;
    await step(1);
    expect(posted[0]).toEqual({ asset: TOKEN, prices: [TEN_CENTS, TEN_CENTS], by: 1 });
  });

  it('is not posted while half of the feeds are silent or differ', async () => {
    const { posted, heard, readings, states, readAll, step } = createFour();
    readings[1] = reading(200_000_000n);
    readings[2] = reading(400_000_000n);
    readAll();
    await step(0);
    expect(posted.map(({ asset }) => asset)).toEqual([STABLE]);
    expect(heard.filter((line) => line.startsWith('too few'))).toEqual(['too few: 0x70 3']);
    for (const i of [1, 2]) (states[i] as PricingState).reading = undefined;
    await step(0);
    expect(heard.filter((line) => line.startsWith('too few'))).toEqual(['too few: 0x70 3', 'too few: 0x70 1']);
    expect(heard.join()).toContain('has read no price yet');
  });

  it('is not said by a key that is no feed', async () => {
    const { chain, posted, heard, step } = createFour();
    chain.now += 100_000n;
    await step(3);
    expect(posted).toEqual([]);
    expect(heard.join()).toContain('is no feed of this network');
  });

  it('is of no older reading, and of none from the future', async () => {
    const { posted, readings, step } = createFour();
    readings[0] = reading(100_000_000n, NOW + 61n);
    await expect(step(0)).rejects.toThrow('ahead of the chain');
    readings[0] = reading(100_000_000n, NOW - 1n);
    await expect(step(0)).rejects.toThrow('went back');
    expect(posted).toEqual([]);
  });

  it('is as old as most feeds say, whatever one of them answers', async () => {
    const { chain, heard, readings, states, step } = createFour();
    const last = async () =>
      (await (states[0] as PricingState).chain.client()).priceState(TOKEN).then((p) => p.last.time);
    /** The first one posts at a time, with what the others have read. */
    const postAt = async (now: bigint, second: bigint | undefined, third: bigint) => {
      chain.now = now;
      readings[0] = reading(100_000_000n, now);
      (states[1] as PricingState).reading = second === undefined ? undefined : reading(100_000_000n, second);
      (states[2] as PricingState).reading = reading(100_000_000n, third);
      await step(0);
      return last();
    };
    expect(await postAt(NOW, NOW, NOW)).toBe(NOW);
    // Just newer than the last price, and about to be over.
    const first = NOW + AGE / 4n;
    expect(await postAt(first, first, NOW + 1n)).toBe(first);
    const second = first + AGE + 100n;
    expect(await postAt(second, second, second - AGE)).toBe(second);
    // An old one counts where the others are too few, unless it is over before it is mined.
    const third = second + AGE / 4n;
    expect(await postAt(third, undefined, third - 800n)).toBe(third - 800n);
    const fourth = third + AGE + 100n;
    expect(await postAt(fourth, undefined, fourth - AGE + 60n)).toBe(third - 800n);
    expect(heard.filter((line) => line.startsWith('too few'))).toContain('too few: 0x70 2');
  });

  it('waits if the chain refuses one asset, and keeps nothing from the others', async () => {
    const { posted, heard, states, step } = createFour();
    const state = states[0] as PricingState;
    const client = await state.chain.client();
    const postPrice: typeof client.postPrice = async (asset, quotes) => {
      if (asset === TOKEN) throw new Error('StillDoubted');
      return client.postPrice(asset, quotes);
    };
    states[0] = { ...state, chain: { ...state.chain, client: async () => ({ ...client, postPrice }) } };
    await step(0);
    expect(posted.map(({ asset }) => asset)).toEqual([STABLE]);
    expect(heard.join()).toContain('StillDoubted');
  });

  it('is signed once for a reading, and the decimals of an asset are read once', async () => {
    const { chain, states } = createFour();
    const state = states[0] as PricingState;
    const first = await signOwnQuote(state, STABLE);
    expect(await signOwnQuote(state, STABLE)).toBe(first);
    state.reading = reading(100_000_000n, NOW + 1n);
    expect((await signOwnQuote(state, STABLE)).time).toBe(NOW + 1n);
    expect(chain.decimalsRead).toBe(1);
    await expect(signOwnQuote(state, `0x${'99'.repeat(20)}`)).rejects.toThrow('has no price for');
  });
});

describe('a price is due', () => {
  const last = { price: 1_000n, time: NOW };
  const at = (now: bigint, price: bigint, doubted = nobody) =>
    isDue({ last, doubted, maxAge: AGE, now }, { price, time: now });

  it('where there is none, a quarter of its age later, or when it has moved by a hundredth', () => {
    expect(isDue({ last: nobody, doubted: nobody, maxAge: AGE, now: NOW }, { price: 5n, time: NOW })).toBe(true);
    expect([at(NOW + 899n, 1_009n), at(NOW + 900n, 1_000n)]).toEqual([false, true]);
    expect([at(NOW, 1_010n), at(NOW, 990n), at(NOW, 991n)]).toEqual([true, true, false]);
  });

  it('to end a doubt: an hour later at the new price, at once near the old one or at a third', () => {
    const doubted = { price: 2_000n, time: NOW };
    expect([at(NOW + 3_599n, 2_000n, doubted), at(NOW + 3_600n, 2_000n, doubted)]).toEqual([false, true]);
    expect([at(NOW + 1n, 1_100n, doubted), at(NOW + 1n, 4_000n, doubted)]).toEqual([true, true]);
    // A measurement from before the end of that hour does not count as a repetition.
    expect(isDue({ last, doubted, maxAge: AGE, now: NOW + 3_700n }, { price: 2_000n, time: NOW + 3_599n })).toBe(false);
  });
});

describe('a price source', () => {
  it('names token and assets', () => {
    expect(
      toPriceReading({
        usd_per_token: '0.1',
        at: 5,
        usd_per_asset: { [STABLE.toUpperCase().replace('0X', '0x')]: '1.0002' },
      }),
    ).toEqual({ at: 5n, tokenNanoUsd: 100_000_000n, assets: new Map([[STABLE, 1_000_200_000n]]) });
    expect(toPriceReading({ usd_per_token: '0.1', at: 5 }).assets.size).toBe(0);
  });

  it.each([
    ['a list of assets', { usd_per_asset: null }, 'must be an object'],
    ['no address', { usd_per_asset: { dollar: '1' } }, 'maps an address'],
    ['a number', { usd_per_asset: { [STABLE]: 1 } }, 'maps an address'],
    ['an asset worth nothing', { usd_per_asset: { [STABLE]: '0' } }, 'maps an address'],
    [
      'too many',
      {
        usd_per_asset: Object.fromEntries(
          Array.from({ length: 17 }, (_, i) => [`0x${String(i).padStart(40, '0')}`, '1']),
        ),
      },
      'more than 16',
    ],
    ['no price of the token', { usd_per_token: '0' }, 'no usd_per_token'],
  ])('is refused with %s', (_what, bend, message) => {
    expect(() => toPriceReading({ usd_per_token: '0.1', at: 5, ...bend })).toThrow(message);
  });
});

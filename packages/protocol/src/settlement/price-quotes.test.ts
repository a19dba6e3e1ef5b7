import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../base/seeded-random.ts';
import { computeMedianPrice, hashPriceQuote } from './burn-mint.ts';
import { isPriceJump, pickQuotes, type QuoteRules, type SignedQuote } from './price-quotes.ts';

const NOW = 1_000_000n;
const AGE = 3_600n;
const asset = new Uint8Array(20).fill(7);
const domain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(9) };
const signers = [0, 1, 2, 3, 4].map((i) => createTestLedgerSigner(seedOf(`feed ${i}`)));

function quote(
  signer: number,
  price: bigint,
  time = NOW,
  about: Partial<Pick<QuoteRules, 'asset' | 'domain'>> = {},
): SignedQuote {
  const said = { asset: about.asset ?? asset, price, time };
  const signature = signers[signer]?.signDigest(hashPriceQuote(crypto, about.domain ?? domain, said)) as Uint8Array;
  return { price, time, signature };
}

const rules = (feeds: number, bend: Partial<QuoteRules> = {}): QuoteRules => ({
  ...{ domain, asset, now: NOW, maxAge: AGE, since: 0n },
  feeds: signers.slice(0, feeds).map(({ address }) => ({ address, quotedAt: 0n })),
  ...bend,
});
const pick = (quotes: readonly SignedQuote[], bend: Partial<QuoteRules> = {}) =>
  pickQuotes(crypto, quotes, rules(3, bend));

describe('posted quotes', () => {
  it('are those of more than half of the feeds, ascending', () => {
    expect(pick([quote(2, 102n), quote(0, 100n), quote(1, 101n)])?.map(({ price }) => price)).toEqual([
      100n,
      101n,
      102n,
    ]);
    expect(pick([quote(2, 102n), quote(0, 100n)])?.map(({ price }) => price)).toEqual([100n, 102n]);
    expect(pick([quote(2, 102n)])).toBeUndefined();
    expect(pick([])).toBeUndefined();
  });

  it('leave out a distant quote, and are none if no majority agrees', () => {
    expect(pick([quote(0, 100n), quote(1, 101n), quote(2, 1_000n)])?.map(({ price }) => price)).toEqual([100n, 101n]);
    expect(pick([quote(0, 100n), quote(1, 200n), quote(2, 1_000n)])).toBeUndefined();
  });

  it.each([
    ['of nobody', quote(4, 101n)],
    ['about another asset', quote(1, 101n, NOW, { asset: new Uint8Array(20).fill(8) })],
    ['for another oracle', quote(1, 101n, NOW, { domain: { ...domain, chainId: 1n } })],
    ['of the future', quote(1, 101n, NOW + 1n)],
    ['too old', quote(1, 101n, NOW - AGE - 1n)],
    ['of price zero', quote(1, 0n)],
    ['with a short signature', { ...quote(1, 101n), signature: new Uint8Array(64) }],
    ['with a signature of zeros', { ...quote(1, 101n), signature: new Uint8Array(65) }],
    ['changed', { ...quote(1, 101n), price: 102n }],
    ['of the same feed again', quote(0, 101n)],
  ])('have no quote %s', (_what, bad) => {
    expect(pick([quote(0, 100n), bad])).toBeUndefined();
    // It does not displace other quotes either.
    expect(pick([bad, quote(0, 100n), quote(2, 100n)])).toHaveLength(2);
  });

  it('have none that is older than the last one of that feed on the chain', () => {
    const feeds = rules(3).feeds.map((feed, i) => (i === 1 ? { ...feed, quotedAt: NOW - 5n } : feed));
    expect(pick([quote(0, 100n), quote(1, 100n, NOW - 6n)], { feeds })).toBeUndefined();
    expect(pick([quote(0, 100n), quote(1, 100n, NOW - 5n)], { feeds })).toHaveLength(2);
  });

  it('have none that is as old as the last price', () => {
    const since = NOW - 5n;
    expect(pick([quote(0, 100n), quote(1, 100n, since)], { since })).toBeUndefined();
    expect(pick([quote(0, 100n), quote(1, 100n, since + 1n), quote(2, 100n, since)], { since })).toHaveLength(2);
  });

  it('take the newest of a feed', () => {
    expect(pick([quote(0, 100n), quote(0, 104n, NOW - 1n), quote(1, 101n)])?.map(({ price }) => price)).toEqual([
      100n,
      101n,
    ]);
  });

  it('are a majority around their own median, for any input', () => {
    const draw = createSeededRandom(7);
    const below = (bound: number): number => Math.floor(draw() * bound);
    for (let run = 0; run < 60; run++) {
      const count = 1 + below(5);
      const quotes = Array.from({ length: 6 }, () => quote(below(5), 1n + BigInt(below(130))));
      const chosen = pickQuotes(crypto, quotes, rules(count));
      if (chosen === undefined) continue;
      const prices = chosen.map(({ price }) => price);
      const median = computeMedianPrice(prices);
      expect(2 * chosen.length).toBeGreaterThan(count);
      expect(prices).toEqual([...prices].sort((a, b) => Number(a - b)));
      for (const price of prices) expect((price > median ? price - median : median - price) * 20n <= median).toBe(true);
    }
  });
});

it('is a jump beyond a fifth of the last price', () => {
  expect([isPriceJump(120n, 100n), isPriceJump(121n, 100n), isPriceJump(80n, 100n), isPriceJump(79n, 100n)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
});

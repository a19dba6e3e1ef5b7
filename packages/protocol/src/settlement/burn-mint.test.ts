import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/burn-mint.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import {
  computeAveragePrice,
  computeBackingPart,
  computeBoundedMint,
  computeCarriedBurn,
  computeCarriedCredits,
  computeDocumentMint,
  computeGovernancePart,
  computeLeastSale,
  computeMedianPrice,
  computeMintClaim,
  computePoolOut,
  computeQuotePrice,
  computeTopUp,
  hashPriceQuote,
  MAX_ELASTICITY_PPM,
} from './burn-mint.ts';
import {
  CREDIT_TERM_S,
  type CreditAccount,
  computeCreditBalance,
  countLiveCredits,
  depositCredits,
  emptyCreditAccount,
  issueCredits,
  refundCredits,
} from './credit-account.ts';

const WHOLE = 10n ** 18n;
const yearlyCap = BigInt(vectors.yearlyCap);
const amount = fc.bigInt(0n, 10n ** 30n);
const epoch = fc.record({
  ...{ dollars: amount, burned: amount, supply: amount, recentBurn: amount },
  price: fc.bigInt(1n, 10n ** 24n),
});

it('computes as in the vectors', () => {
  for (const { nanoUsd, decimals, price } of vectors.units) {
    expect(`${computeQuotePrice(BigInt(nanoUsd), decimals)}`).toBe(price);
  }
  for (const { prices, median } of vectors.medians) {
    expect(`${computeMedianPrice(prices.map(BigInt))}`).toBe(median);
  }
  const changes = vectors.averages.changes.map(({ time, price }) => ({ time: BigInt(time), price: BigInt(price) }));
  for (const { now, average } of vectors.averages.at) {
    expect(`${computeAveragePrice(changes, BigInt(now), BigInt(vectors.averages.window))}`).toBe(average);
  }
  for (const { amount: some, price, burned, tokenPrice, credits } of vectors.topUps) {
    const asset = { amount: BigInt(some), price: BigInt(price) };
    expect(`${computeTopUp(asset, { amount: BigInt(burned), price: BigInt(tokenPrice) })}`).toBe(credits);
  }
  for (const { backing, supply, amount: some, part } of vectors.parts) {
    expect(`${computeBackingPart(BigInt(backing), BigInt(supply), BigInt(some))}`).toBe(part);
  }
  for (const { room, backing, supply, amount: some, carried } of vectors.waits) {
    const all = { room: BigInt(room), backing: BigInt(backing), supply: BigInt(supply) };
    expect(`${computeCarriedCredits(BigInt(some), all)}`).toBe(carried);
  }
  for (const { bounded, document, carried, ...work } of vectors.mints) {
    const input = {
      ...{ dollars: BigInt(work.dollars), burned: BigInt(work.burned), price: BigInt(work.price) },
      ...{ supply: BigInt(work.supply), recentBurn: BigInt(work.recentBurn) },
    };
    expect(`${computeBoundedMint(input, { yearlyCap, elasticityPpm: 950_000n })}`).toBe(bounded);
    expect(`${computeDocumentMint(input, { yearlyCap, elasticityPpm: 1_500_000n })}`).toBe(document);
    expect(`${computeCarriedBurn(input.supply, { yearlyCap, elasticityPpm: 950_000n })}`).toBe(carried);
  }
  for (const { dollars, part } of vectors.governance) expect(`${computeGovernancePart(BigInt(dollars))}`).toBe(part);
  for (const { minted, dollars, all, tokens } of vectors.claims) {
    expect(`${computeMintClaim(BigInt(minted), BigInt(dollars), BigInt(all))}`).toBe(tokens);
  }
  for (const { amount: some, reserveIn, reserveOut, out } of vectors.pools) {
    expect(`${computePoolOut(BigInt(some), BigInt(reserveIn), BigInt(reserveOut))}`).toBe(out);
  }
  for (const { amount: some, price, stablePrice, least } of vectors.sales) {
    expect(`${computeLeastSale(BigInt(some), BigInt(price), BigInt(stablePrice))}`).toBe(least);
  }
});

it('is signed as in the vector', () => {
  const { quote } = vectors;
  const domain = { chainId: BigInt(quote.chainId), verifyingContract: fromHex(quote.oracle) };
  const said = { asset: fromHex(quote.asset), price: BigInt(quote.price), time: BigInt(quote.time) };
  expect(toHex(hashPriceQuote(crypto, domain, said))).toBe(quote.digest);
  for (const change of [{ asset: new Uint8Array(20) }, { price: 1n }, { time: 1n }]) {
    expect(toHex(hashPriceQuote(crypto, domain, { ...said, ...change }))).not.toBe(quote.digest);
  }
});

describe('the bounded rule', () => {
  it('always gives less than was burned and less than the dollars buy', () => {
    fc.assert(
      fc.property(epoch, fc.bigInt(1n, MAX_ELASTICITY_PPM), amount, (work, elasticityPpm, cap) => {
        const minted = computeBoundedMint(work, { elasticityPpm, yearlyCap: cap });
        expect(minted * 1_000_000n <= work.burned * elasticityPpm).toBe(true);
        expect(minted * work.price * 1_000_000n <= work.dollars * WHOLE * elasticityPpm).toBe(true);
        expect(minted * 7_305n <= cap && minted * 7_305n * 20n <= work.supply).toBe(true);
      }),
    );
  });

  it('pays in full for the work that fits an epoch, and carries no more than that', () => {
    const share = fc.bigInt(0n, 1_000_000n);
    fc.assert(
      fc.property(epoch, fc.bigInt(1n, MAX_ELASTICITY_PPM), amount, share, (work, elasticityPpm, cap, part) => {
        const settings = { elasticityPpm, yearlyCap: cap };
        const carried = computeCarriedBurn(work.supply, settings);
        const burned = (carried * part) / 1_000_000n;
        const paid = computeBoundedMint({ ...work, price: 1n, dollars: burned, burned }, settings);
        expect(paid).toBe((burned * elasticityPpm) / 1_000_000n);
        const over = carried + 2_000_000n / elasticityPpm + 1n;
        const cut = computeBoundedMint({ ...work, price: 1n, dollars: over, burned: over }, settings);
        expect(cut < (over * elasticityPpm) / 1_000_000n).toBe(true);
        const all = { room: carried, backing: work.burned, supply: work.dollars };
        const taken = computeCarriedCredits(cap, all);
        expect(taken <= cap && computeBackingPart(all.backing, all.supply, taken) <= all.room).toBe(true);
      }),
    );
  });

  it('refuses an elasticity that would reward self-payment', () => {
    const work = { dollars: WHOLE, burned: WHOLE, price: WHOLE, supply: 10n ** 9n * WHOLE, recentBurn: 0n };
    expect(() => computeBoundedMint(work, { elasticityPpm: MAX_ELASTICITY_PPM + 1n, yearlyCap })).toThrow('elasticity');
    expect(() => computeBoundedMint(work, { elasticityPpm: 0n, yearlyCap })).toThrow('elasticity');
    expect(() => computeDocumentMint(work, { elasticityPpm: 1_500_001n, yearlyCap })).toThrow('elasticity');
    // The rule of the document gives five thousandths of the supply for one burned token.
    expect(computeDocumentMint(work, { elasticityPpm: 1_500_000n, yearlyCap })).toBe(5n * 10n ** 6n * WHOLE);
  });
});

it('a pool never loses by a swap', () => {
  fc.assert(
    fc.property(amount, fc.bigInt(1n, 10n ** 30n), fc.bigInt(1n, 10n ** 30n), (some, reserveIn, reserveOut) => {
      const out = computePoolOut(some, reserveIn, reserveOut);
      expect((reserveIn + some) * (reserveOut - out) >= reserveIn * reserveOut).toBe(true);
    }),
  );
});

it('an average lies between its prices', () => {
  const steps = fc.array(fc.record({ wait: fc.bigInt(0n, 9_000n), price: fc.bigInt(1n, 10n ** 30n) }), {
    minLength: 1,
  });
  fc.assert(
    fc.property(steps, fc.bigInt(0n, 9_000n), (list, after) => {
      let time = 1_000n;
      const changes = list.map(({ wait, price }) => {
        time += wait;
        return { time, price };
      });
      const average = computeAveragePrice(changes, time + after, 7_200n);
      const prices = changes.map(({ price }) => price).sort((a, b) => (a < b ? -1 : 1));
      expect(average >= (prices[0] as bigint) && average <= (prices.at(-1) as bigint)).toBe(true);
    }),
  );
});

describe('credits', () => {
  it('live and lapse as in the vectors', () => {
    let account: CreditAccount = emptyCreditAccount;
    let escrowed = 0n;
    for (const { time, deed, amount: text, wallet, live } of vectors.account) {
      const [now, some] = [BigInt(time), BigInt(text)];
      if (deed === 'issue') account = issueCredits(account, some, now);
      if (deed === 'deposit') {
        account = depositCredits(account, some, now);
        escrowed += some;
      }
      if (deed === 'refund') {
        escrowed = countLiveCredits(account, escrowed, now);
        const taken = some < escrowed ? some : escrowed;
        account = refundCredits(account, taken, now);
        escrowed -= taken;
      }
      expect(`${computeCreditBalance(account, now)}`).toBe(wallet);
      expect(`${countLiveCredits(account, escrowed, now)}`).toBe(live);
    }
  });

  /** Compares with a list that has one entry for each issued credit. */
  it('never live longer than their term, for any deposits and refunds', () => {
    const deeds = fc.array(
      fc.record({
        wait: fc.bigInt(0n, 9n * 86_400n),
        deed: fc.constantFrom('issue', 'deposit', 'refund', 'spend'),
        part: fc.nat(100),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(deeds, (list) => {
        let account: CreditAccount = emptyCreditAccount;
        let [escrowed, now] = [0n, 10n ** 9n];
        // Times of issue, the oldest first, of the wallet and the escrow. Each spends its oldest first.
        let [wallet, vault]: [bigint[], bigint[]] = [[], []];
        const isLive = (issued: bigint): boolean => issued + CREDIT_TERM_S > now;
        for (const { wait, deed, part } of list) {
          now += wait;
          [wallet, vault] = [wallet.filter(isLive), vault.filter(isLive)];
          escrowed = countLiveCredits(account, escrowed, now);
          const of = (count: number): number => Math.floor((count * part) / 100);
          if (deed === 'issue') {
            account = issueCredits(account, BigInt(part), now);
            wallet.push(...Array.from({ length: part }, () => now));
          } else if (deed === 'deposit') {
            const count = of(wallet.length);
            account = depositCredits(account, BigInt(count), now);
            escrowed += BigInt(count);
            vault.push(...wallet.splice(0, count));
          } else if (deed === 'refund') {
            const count = of(vault.length);
            account = refundCredits(account, BigInt(count), now);
            escrowed -= BigInt(count);
            wallet.unshift(...vault.splice(vault.length - count, count));
          } else {
            const count = of(vault.length);
            escrowed -= BigInt(count);
            vault.splice(0, count);
          }
          expect(computeCreditBalance(account, now)).toBe(BigInt(wallet.length));
          expect(countLiveCredits(account, escrowed, now)).toBe(BigInt(vault.length));
        }
      }),
      { numRuns: 300 },
    );
    expect(() => depositCredits(emptyCreditAccount, 1n, 0n)).toThrow('credits');
  });
});

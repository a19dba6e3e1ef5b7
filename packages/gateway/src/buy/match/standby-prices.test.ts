import { expect, it } from 'vitest';
import { createStandbyPrices } from './standby-prices.ts';

const offer = (id: number, standbyPer1k?: bigint, pricePer1k = 100n) => ({
  ...{ payee: new Uint8Array(20).fill(id), pricePer1k, ...(standbyPer1k !== undefined && { standbyPer1k }) },
});

function open(
  offers: ReturnType<typeof offer>[],
  { fails = false, ...limits }: { readonly fails?: boolean; readonly standbyPercent?: number } = {},
) {
  let nowMs = 0;
  let asked = 0;
  const prices = createStandbyPrices(
    { maxPricePer1kAtomic: 100n, ...limits },
    {
      uptime: { nowMs: () => nowMs },
      async listOffers() {
        asked++;
        if (fails) throw new Error('no router answers');
        return offers;
      },
    },
  );
  return { find: () => prices.find('a'), pass: (ms: number) => (nowMs += ms), countAsked: () => asked };
}

it('is the least that half of the payees take, two at least', async () => {
  expect(await open([offer(1, 5n), offer(2, 0n), offer(3)]).find()).toBe(5n);
  expect(await open([offer(1, 0n), offer(2, 0n)]).find()).toBe(0n);
  expect(await open([offer(1, 9n), offer(2, 7n), offer(3, 3n)]).find()).toBe(7n);
  expect(await open([offer(1, 5n), offer(1, 6n), offer(3)]).find()).toBeUndefined();
  expect(await open([offer(1, 5n), offer(1), offer(2, 6n), offer(3)]).find()).toBe(6n);
  // Most would not be asked.
  expect(await open([offer(1, 5n), offer(2, 5n), offer(3), offer(4), offer(5)]).find()).toBeUndefined();
  // A provider that is too dear is never asked.
  expect(await open([offer(1, 5n), offer(2, 90n, 101n)]).find()).toBeUndefined();
  expect(await open([], { fails: true }).find()).toBeUndefined();
});

it('is set by no few, and is a small part of what each takes for an answer', async () => {
  const honest = Array.from({ length: 20 }, (_, i) => offer(i + 10, BigInt(5 + (i % 6))));
  // Two that stand by for nothing do not have all requests to themselves, and two that are dear do not set the price.
  expect(await open([...honest, offer(1, 0n), offer(2, 0n)]).find()).toBe(7n);
  expect(await open([...honest, offer(1, 25n), offer(2, 25n), offer(3, 100n)]).find()).toBe(8n);
  // Nobody stands by for its whole price.
  expect(await open([offer(1, 5n), offer(2, 100n)]).find()).toBeUndefined();
  expect(await open([offer(1, 100n), offer(2, 100n)]).find()).toBeUndefined();
  expect(await open([offer(1, 5n), offer(2, 25n)]).find()).toBe(25n);
  expect(await open([offer(1, 5n), offer(2, 26n)]).find()).toBeUndefined();
  // The same price is a small part of a high price and the whole of a low one.
  expect(await open([offer(1, 1n, 20n), offer(2, 20n, 100n)]).find()).toBeUndefined();
  expect(await open([offer(1, 5n), offer(2, 26n)], { standbyPercent: 30 }).find()).toBe(26n);
  expect(await open([offer(1, 0n), offer(2, 1n)], { standbyPercent: 0 }).find()).toBeUndefined();
});

it('is read anew after a while, for the requests that follow', async () => {
  const offers = [offer(1, 5n), offer(2, 6n)];
  const { find, pass, countAsked } = open(offers);
  await Promise.all([find(), find()]);
  expect(countAsked()).toBe(1);
  offers[1] = offer(2, 7n);
  pass(10_001);
  expect(await find()).toBe(6n);
  expect(await find()).toBe(7n);
  expect(countAsked()).toBe(2);
});

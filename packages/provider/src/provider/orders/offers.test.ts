import { Code } from '@connectrpc/connect';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { describe, expect, it } from 'vitest';
import { createCohortSeat } from '../../cohort/cohort-seat.ts';
import {
  addOffer,
  countActive,
  describeOffer,
  describeShared,
  endOffer,
  findOffer,
  freeSlot,
  leastPriceOf,
  leastStandbyOf,
  OfferError,
  type OfferState,
  openOffers,
  type ServedOffer,
  takeSlot,
} from './offers.ts';

const offer = (name: string, engine: FakeEngineOptions = {}): ServedOffer => ({
  modelId: `ogong/verified/test/${name}`,
  pricePer1kAtomic: 5n,
  engine: createFakeEngine(engine),
});

const freeSlotsOf = (held: OfferState, takesOrders = true): number => describeOffer(held, { takesOrders }).freeCapacity;

describe('offers', () => {
  it('stand ascending by model id, as announcements need them', () => {
    const offers = openOffers([offer('b', { weights: 2 }), offer('a', { contextSize: 128 })]);
    expect(offers.map(({ modelId }) => modelId)).toEqual(['ogong/verified/test/a', 'ogong/verified/test/b']);
    expect(describeOffer(offers[0]!, { takesOrders: true })).toMatchObject({
      modelId: 'ogong/verified/test/a',
      contextSize: 128,
    });
  });

  it('are found by their model root alone', () => {
    const offers = openOffers([offer('a'), offer('b', { weights: 2 })]);
    expect(findOffer(offers, offers[1]!.info.modelRoot)).toBe(offers[1]);
    expect(findOffer(offers, new Uint8Array(32))).toBeUndefined();
  });

  it.each([
    ['one model id twice', [offer('a'), offer('a', { weights: 2 })], /ogong\/verified\/test\/a is offered twice/],
    ['one model root twice', [offer('a'), offer('b')], /model root [0-9a-f]{64} is offered twice/],
  ])('are refused: %s', (_name, offers, expected) => {
    expect(() => openOffers(offers)).toThrow(OfferError);
    expect(() => openOffers(offers)).toThrow(expected);
  });

  it('of a cohort are announced as it shares them, and not without one', () => {
    const seat = createCohortSeat();
    const [shared] = openOffers([{ ...offer('a'), chain: seat, getCohort: seat.standing }]) as [OfferState];
    expect(describeShared(shared, { takesOrders: true })).toBeUndefined();
    expect(() => takeSlot(shared)).toThrow('no cohort now: this provider has formed no cohort yet');
    const members = [1, 2].map((n) => ({
      ...{ providerId: new Uint8Array(32).fill(n), firstLayer: n, layers: 1, pricePer1kAtomic: 4n },
    }));
    const alone = describeOffer(shared, { takesOrders: true });
    const cohort = { manifestHash: new Uint8Array(32), members };
    const model = { ...alone, pricePer1kAtomic: 8n, freeCapacity: 1, cohort };
    seat.seat(model, seat);
    expect(describeShared(shared, { takesOrders: true })).toEqual(model);
    expect(describeShared(shared, { takesOrders: false })?.freeCapacity).toBe(0);
    expect(leastPriceOf(shared)).toBe(8n);
    takeSlot(shared);
    seat.refuse('layer 1 has no provider with room');
    expect(() => takeSlot(shared)).toThrow('layer 1 has no provider with room');
  });

  it('name what standing by costs, where they do', () => {
    const [standing, other] = openOffers([{ ...offer('a'), standbyPer1kAtomic: 2n }, offer('b', { weights: 2 })]);
    expect(describeOffer(standing!, { takesOrders: true }).standbyPer1kAtomic).toBe(2n);
    expect(describeOffer(other!, { takesOrders: true })).toMatchObject({
      modality: 'text',
      standbyPer1kAtomic: undefined,
    });
    const peg = { announced: (price: bigint) => 3n * price, least: (price: bigint) => 2n * price };
    const pegged = openOffers([{ ...offer('a'), standbyPer1kAtomic: 2n, peg }])[0]!;
    expect(describeOffer(pegged, { takesOrders: true })).toMatchObject({
      pricePer1kAtomic: 15n,
      standbyPer1kAtomic: 6n,
    });
    expect(leastStandbyOf(pegged)).toBe(4n);
    expect(leastStandbyOf(other!)).toBeUndefined();
  });

  it.each([
    ['more than the answer', offer('a'), 6n, /standing by costs 6, more than the answer at 5/],
    ['vectors', { ...offer('a'), engine: createFakeEmbeddingEngine() }, 1n, /vectors and scores have no standby price/],
  ])('do not stand by for %s', (_name, offered, standbyPer1kAtomic, expected) => {
    expect(() => openOffers([{ ...offered, standbyPer1kAtomic }])).toThrow(expected);
  });

  it('are refused in a tier that the engine cannot keep', () => {
    const replay = { ...offer('a', { exact: false }), modelId: 'ogong/replay/test/a' };
    expect(() => openOffers([offer('b', { weights: 2 }), replay])).toThrow(/tier replay is refused/);
  });
});

describe('offers at run time', () => {
  it('come in their place, each id and each root once', () => {
    const offers = openOffers([offer('b')]);
    addOffer(offers, offer('a', { weights: 2 }));
    expect(offers.map(({ modelId }) => modelId)).toEqual(['ogong/verified/test/a', 'ogong/verified/test/b']);
    expect(() => addOffer(offers, offer('c', { weights: 2 }))).toThrow(/model root .* is offered twice/);
    expect(() => addOffer(offers, offer('a', { weights: 3 }))).toThrow(/test\/a is offered twice/);
    expect(() => addOffer(offers, { ...offer('d', { weights: 4 }), modelId: 'ogong/tee/test/d' })).toThrow(/--tee/);
    expect(offers).toHaveLength(2);
    for (let n = 2; n < 64; n++) addOffer(offers, offer(`more-${n}`, { weights: 10 + n }));
    expect(() => addOffer(offers, offer('z', { weights: 99 }))).toThrow(/at most 64 models/);
  });

  it('end only without orders', () => {
    const offers = openOffers([offer('a'), offer('b', { weights: 2 })]);
    const [a] = offers as [OfferState];
    takeSlot(a);
    expect(endOffer(offers, a.modelId)).toBe(false);
    expect(findOffer(offers, a.info.modelRoot)).toBe(a);
    freeSlot(a);
    expect(endOffer(offers, a.modelId)).toBe(true);
    expect(findOffer(offers, a.info.modelRoot)).toBeUndefined();
    expect(endOffer(offers, a.modelId)).toBe(true);
  });
});

describe('slots', () => {
  it('are those of each offer alone', () => {
    const offers = openOffers([offer('a', { sequences: 2 }), offer('b', { sequences: 1, weights: 2 })]);
    const [a, b] = offers as [OfferState, OfferState];
    takeSlot(b);
    expect(() => takeSlot(b)).toThrow(/all 1 slots of ogong\/verified\/test\/b are busy/);
    takeSlot(a);
    takeSlot(a);
    expect(() => takeSlot(a)).toThrow(expect.objectContaining({ code: Code.Unavailable }));
    expect([countActive(offers), freeSlotsOf(a), freeSlotsOf(b)]).toEqual([3, 0, 0]);
    freeSlot(b);
    expect([countActive(offers), freeSlotsOf(a), freeSlotsOf(b)]).toEqual([2, 0, 1]);
    expect(freeSlotsOf(b, false)).toBe(0);
    expect(offers.map((each) => describeOffer(each, { takesOrders: true }).capacity)).toEqual([2, 1]);
    takeSlot(b);
  });

  it('are none where the engine came back in a class that its tier does not take', () => {
    const engine = createFakeEngine();
    let { exact } = engine.info();
    const bent = { ...engine, info: () => ({ ...engine.info(), exact }) };
    const [held] = openOffers([{ ...offer('a'), modelId: 'ogong/replay/test/a', engine: bent }]);
    expect(freeSlotsOf(held!)).toBe(8);
    exact = false;
    expect(freeSlotsOf(held!)).toBe(0);
  });
});

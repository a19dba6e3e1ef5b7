import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../../vectors/tilings.json' with { type: 'json' };
import { compareBytes, equalBytes, fromHex, toHex } from '../../base/bytes.ts';
import { parseAnnouncement } from '../announcement.ts';
import type { OfferedSegment } from './segment.ts';
import { findTilings, MAX_TILINGS, type SegmentOffer, type TilingQuery, UNMEASURED_DELAY_US } from './tiling.ts';

const idOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const SEGMENT: OfferedSegment = {
  ...{ modelId: 'ogong/verified/a/b', modelRoot: idOf(250), manifestHash: idOf(251) },
  ...{ firstLayer: 0, layers: 1, totalLayers: 80, pricePer1kAtomic: 0n, contextSize: 4096 },
  ...{ numericClass: 'x', capacity: 4, freeCapacity: 4, uplinkMbit: 100 },
};

/** Provider n offers layers from `firstLayer` up to but not with `end`. */
const makeOffer = (
  n: number,
  [firstLayer, end]: readonly [number, number],
  change: Partial<OfferedSegment> & { payee?: number } = {},
): SegmentOffer => {
  const { payee = n, ...fields } = change;
  const segment = { ...SEGMENT, firstLayer, layers: end - firstLayer, ...fields };
  return { providerId: idOf(n), payee: new Uint8Array(20).fill(payee), segment };
};

const LEADER = 99;
const makeQuery = (offers: readonly SegmentOffer[], change: Partial<TilingQuery> = {}): TilingQuery => ({
  ...{ own: makeOffer(LEADER, [60, 80], { pricePer1kAtomic: 5n }), offers, contextSize: 1024 },
  ...{ promptRows: 0, width: 8192, atomicPerDelayUs: 0n, atomicPerTransferUs: 0n, delayUs: () => 0 },
  ...change,
});

/** The first byte of each member's id, for each tiling; or the problem. */
const find = (offers: readonly SegmentOffer[], change?: Partial<TilingQuery>): readonly string[] | string => {
  const found = findTilings(makeQuery(offers, change));
  if ('problem' in found) return found.problem;
  return found.tilings.map(({ members }) => members.map(({ providerId }) => providerId[0]).join(' '));
};

describe('tilings', () => {
  const three = [makeOffer(1, [0, 20]), makeOffer(2, [20, 40]), makeOffer(3, [40, 60])];

  it('reach from the first layer to the segment of the leader, the cheapest first', () => {
    const two = [makeOffer(4, [0, 40], { pricePer1kAtomic: 7n }), makeOffer(5, [20, 60], { pricePer1kAtomic: 3n })];
    expect(find([...three, ...two])).toEqual(['1 2 3 99', '1 5 99', '4 3 99']);
    const found = findTilings(makeQuery([...three, ...two]));
    expect('tilings' in found && found.tilings.map((one) => [one.pricePer1kAtomic, one.costAtomic])).toEqual([
      [5n, 5n],
      [8n, 8n],
      [12n, 12n],
    ]);
  });

  it('name the layers without a provider', () => {
    expect(find([])).toBe('layers 0 to 59 have no provider with room');
    expect(find([three[0]!, three[2]!])).toBe('layers 20 to 39 have no provider with room');
    expect(find([...three.slice(0, 2), makeOffer(3, [40, 59])])).toBe('layer 59 has no provider with room');
  });

  it.each<[string, Partial<OfferedSegment>]>([
    ['has no room', { freeCapacity: 0 }],
    ['has too small a context', { contextSize: 1023 }],
    ['is of another model id', { modelId: 'ogong/verified/a/c' }],
    ['is of another model', { modelRoot: idOf(1) }],
    ['is of another cut', { manifestHash: idOf(1) }],
    ['is of another number of layers', { totalLayers: 81 }],
    ['is of another class', { numericClass: 'y' }],
  ])('leave out a segment that %s', (_what, change) => {
    const bent = makeOffer(2, [20, 40], change);
    expect(find([three[0]!, bent, three[2]!])).toBe('layers 20 to 39 have no provider with room');
  });

  it('never have a key twice, and no payee if asked', () => {
    expect(find([makeOffer(1, [0, 20]), makeOffer(1, [20, 60])])).toMatch(/twice/);
    expect(find([makeOffer(LEADER, [0, 60])])).toMatch(/layers 0 to 59/);
    const shared = [makeOffer(1, [0, 20], { payee: 7 }), makeOffer(2, [20, 60], { payee: 7 })];
    expect(find(shared)).toEqual(['1 2 99']);
    expect(find(shared, { hasDistinctPayees: true })).toMatch(/twice/);
    expect(find([makeOffer(1, [0, 60], { payee: LEADER })], { hasDistinctPayees: true })).toMatch(/layers 0 to 59/);
  });

  it('are led by the provider of the last layers alone', () => {
    expect(find(three, { own: makeOffer(LEADER, [40, 60]) })).toBe('layers 40 to 59 of 80 are not the last ones');
    expect(find([], { own: makeOffer(LEADER, [0, 80]) })).toBe('layers 0 to 79 of 80 are not the last ones');
  });

  it('weigh delays around the ring, and a delay that nobody measured as long', () => {
    const [a, b, c] = [makeOffer(1, [0, 60]), makeOffer(2, [0, 60]), makeOffer(3, [0, 60])];
    const delays: Record<string, number> = { '1 99': 10, '99 1': 30, '2 99': 20, '99 2': 10, '3 99': 1 };
    const delayUs = (from: Uint8Array, to: Uint8Array) => delays[`${from[0]} ${to[0]}`];
    const found = findTilings(makeQuery([a, b, c], { delayUs, atomicPerDelayUs: 2n }));
    expect('tilings' in found && found.tilings.map((one) => [one.members[0]?.providerId[0], one.costAtomic])).toEqual([
      [2, 65n],
      [1, 85n],
      [3, 5n + 2n * BigInt(UNMEASURED_DELAY_US + 1)],
    ]);
  });

  it('weigh the transfer of a prompt by the uplink of its sender', () => {
    const slow = makeOffer(1, [0, 60], { uplinkMbit: 10 });
    const fast = makeOffer(2, [0, 60], { uplinkMbit: 1000, pricePer1kAtomic: 1_000_000n });
    // 4,096 rows of 8,192 values have 1,073,741,824 bits.
    const found = findTilings(makeQuery([slow, fast], { promptRows: 4096, atomicPerTransferUs: 1n }));
    expect('tilings' in found && found.tilings.map(({ costAtomic }) => costAtomic)).toEqual([
      1_000_005n + 1_073_742n,
      5n + 107_374_183n,
    ]);
  });

  it('are the cheapest ones of all, in one order', () => {
    const anyOffer = fc
      .record({
        ...{ n: fc.integer({ min: 1, max: 5 }), from: fc.nat(3), layers: fc.integer({ min: 1, max: 3 }) },
        ...{ price: fc.nat(4), uplinkMbit: fc.integer({ min: 1, max: 3 }), payee: fc.nat(4) },
      })
      .map(({ n, from, layers, price, uplinkMbit, payee }) =>
        makeOffer(n, [from, from + layers], { totalLayers: 5, pricePer1kAtomic: BigInt(price), uplinkMbit, payee }),
      );
    const own = makeOffer(LEADER, [4, 5], { totalLayers: 5 });
    fc.assert(
      fc.property(
        fc.array(anyOffer, { maxLength: 14 }),
        fc.nat(3),
        fc.boolean(),
        (offers, delay, hasDistinctPayees) => {
          const query = makeQuery(offers, {
            ...{ own, hasDistinctPayees, promptRows: 1, width: 1, atomicPerDelayUs: 1n, atomicPerTransferUs: 1n },
            delayUs: (from, to) => ((from[0] as number) * 7 + (to[0] as number) * 3 * delay) % 5,
          });
          const found = findTilings(query);
          const expected = searchAll(query);
          expect('tilings' in found ? found.tilings : []).toEqual(expected.slice(0, MAX_TILINGS));
          expect('problem' in found).toBe(expected.length === 0);
          // The order of the offers changes nothing.
          expect(findTilings({ ...query, offers: distinct(offers).reverse() })).toEqual(
            findTilings({ ...query, offers: distinct(offers) }),
          );
        },
      ),
      { numRuns: 400 },
    );
  });

  it('are those of the vectors, and their cheapest one is announced', () => {
    const offers = vectors.offers.map(({ provider, firstLayer, layers, price, uplinkMbit }) =>
      makeOffer(provider, [firstLayer, firstLayer + layers], {
        ...{ totalLayers: 60, pricePer1kAtomic: BigInt(price), uplinkMbit },
      }),
    );
    const { atomicPerDelayUs, atomicPerTransferUs, ...rows } = vectors.query;
    const found = findTilings(
      makeQuery(offers.slice(0, -1), {
        ...{ own: offers.at(-1) as SegmentOffer, ...rows },
        ...{ atomicPerDelayUs: BigInt(atomicPerDelayUs), atomicPerTransferUs: BigInt(atomicPerTransferUs) },
        delayUs: (from, to) => (from[0] as number) + (to[0] as number),
      }),
    );
    const tilings = 'tilings' in found ? found.tilings : [];
    expect(
      tilings.map(({ members, pricePer1kAtomic, costAtomic }) => ({
        members: members.map(({ providerId }) => providerId[0]),
        ...{ price: pricePer1kAtomic.toString(), cost: costAtomic.toString() },
      })),
    ).toEqual(vectors.tilings);
    const [model] = parseAnnouncement(fromHex(vectors.announcement)).models;
    expect(model?.cohort?.members.map(({ providerId }) => providerId[0])).toEqual(vectors.tilings[0]?.members);
  });

  it('are found though strangers offer short segments, and many cheap ones, for nothing', () => {
    const honest = three.map(({ segment }, i) =>
      makeOffer(i + 1, [segment.firstLayer, segment.firstLayer + segment.layers], { pricePer1kAtomic: 9n }),
    );
    const strangers = Array.from({ length: 3_000 }, (_, i) => {
      const providerId = new Uint8Array(32)
        .fill(200)
        .fill(i % 251, 1)
        .fill(i >> 3, 16);
      const [from, to] = i % 2 === 0 ? [i % 40, (i % 40) + 1] : [0, 20];
      return { ...makeOffer(200, [from, to]), providerId, payee: providerId.subarray(12) };
    });
    expect(find([...strangers, ...honest])).toHaveLength(MAX_TILINGS);
    expect(find([...strangers.filter((_, i) => i % 2 === 0), ...honest], { edges: [20, 40, 60] })).toEqual([
      '1 2 3 99',
    ]);
    expect(find(honest, { edges: [20, 60] })).toBe('layers 20 to 59 have no provider with room');
  });

  it('are found in bounded time though keys without end offer everything', () => {
    const offers = Array.from({ length: 2_000 }, (_, i) => {
      const from = 6 * (i % 10);
      const providerId = new Uint8Array(32).fill(i % 251).fill(i >> 3, 16);
      return { ...makeOffer(1, [from, from + 6]), providerId, payee: providerId.subarray(12) };
    });
    expect(find(offers)).toHaveLength(MAX_TILINGS);
  });
});

/** Of several equal offers of one key, the cheapest counts, and among those the first. */
function distinct(offers: readonly SegmentOffer[]): SegmentOffer[] {
  const kept = new Map<string, SegmentOffer>();
  for (const offer of offers) {
    const name = `${toHex(offer.providerId)} ${offer.segment.firstLayer} ${offer.segment.layers}`;
    const before = kept.get(name);
    if (!before || offer.segment.pricePer1kAtomic < before.segment.pricePer1kAtomic) kept.set(name, offer);
  }
  return [...kept.values()];
}

/** Tries each sequence of offers. */
function searchAll({ own, offers, hasDistinctPayees = false, delayUs, width, promptRows }: TilingQuery) {
  const usable = distinct(offers).filter(
    ({ segment: { firstLayer, layers } }) => firstLayer + layers <= own.segment.firstLayer,
  );
  const walk = (members: readonly SegmentOffer[], layer: number): SegmentOffer[][] => {
    if (layer === own.segment.firstLayer) return [[...members, own]];
    return usable
      .filter(({ segment }) => segment.firstLayer === layer)
      .flatMap((offer) => walk([...members, offer], layer + offer.segment.layers));
  };
  const isAllowed = (members: readonly SegmentOffer[]): boolean => {
    const keys = new Set(members.map(({ providerId }) => toHex(providerId)));
    const payees = new Set(members.map(({ payee }) => toHex(payee)));
    return keys.size === members.length && (!hasDistinctPayees || payees.size === members.length);
  };
  const weigh = (members: readonly SegmentOffer[]) => {
    const price = members.reduce((sum, { segment }) => sum + segment.pricePer1kAtomic, 0n);
    const ways = members.map((member, i) => {
      const from = members.at(i - 1) as SegmentOffer;
      const transfer = i === 0 ? 0 : Math.ceil((promptRows * width * 32) / from.segment.uplinkMbit);
      return (delayUs(from.providerId, member.providerId) as number) + transfer;
    });
    const costAtomic = price + BigInt(ways.reduce((sum, way) => sum + way, 0));
    return { members, pricePer1kAtomic: price, costAtomic };
  };
  const compareMembers = (a: readonly SegmentOffer[], b: readonly SegmentOffer[]): number => {
    const at = a.findIndex((one, i) => one !== b[i]);
    const [one, other] = [a[at], b[at]];
    if (one === undefined || other === undefined) return 0;
    if (one === own || other === own) return one === own ? 1 : -1;
    return equalBytes(one.providerId, other.providerId)
      ? one.segment.layers - other.segment.layers
      : compareBytes(one.providerId, other.providerId);
  };
  return walk([], 0)
    .filter(isAllowed)
    .map(weigh)
    .sort((a, b) => Number(a.costAtomic - b.costAtomic) || compareMembers(a.members, b.members));
}

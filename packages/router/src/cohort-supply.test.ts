import { toHex } from '@ogong/protocol/base/bytes';
import type { OfferedMember } from '@ogong/protocol/exchange/cohort/cohort-offer';
import type { OfferedSegment } from '@ogong/protocol/exchange/cohort/segment';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import { boundByMembers } from './cohort-supply.ts';
import {
  announce,
  GATEWAY,
  idOf,
  listWeighed,
  MODEL_ID,
  MODEL_ROOT,
  makeOfferedModel,
  payeeOf,
  refusalOf,
  route,
  start,
  type TestRouter,
} from './router-fixture.ts';
import { saveEjection } from './router-store.ts';

const MANIFEST = new Uint8Array(32).fill(77);
const PARTS = [
  { firstLayer: 0, layers: 20 },
  { firstLayer: 20, layers: 20 },
  { firstLayer: 40, layers: 20 },
];
const LEADER = 3;
const PRICE = 100n;

const makeSegment = (n: number, change: Partial<OfferedSegment> = {}): OfferedSegment => ({
  ...{ modelId: MODEL_ID, modelRoot: MODEL_ROOT, manifestHash: MANIFEST, totalLayers: 60, pricePer1kAtomic: PRICE },
  ...{ contextSize: 512, numericClass: 'fake', capacity: 8, freeCapacity: 8, uplinkMbit: 100 },
  ...(PARTS[n - 1] as (typeof PARTS)[number]),
  ...change,
});

const members: readonly OfferedMember[] = PARTS.map((part, i) => ({
  ...{ ...part, providerId: idOf(i + 1), pricePer1kAtomic: PRICE },
}));

/** Providers 1 and 2 offer their layers. Provider 3 has the last ones, and offers the model. */
async function openCohort(
  change: Readonly<Record<number, Partial<OfferedSegment>>> = {},
  absent: readonly number[] = [],
): Promise<TestRouter> {
  const opened = await start();
  for (const n of [1, 2].filter((one) => !absent.includes(one))) await announceSegment(opened, n, 1n, change[n]);
  const cohort = { manifestHash: MANIFEST, members };
  const offer = makeOfferedModel({ pricePer1kAtomic: 3n * PRICE, capacity: 8, freeCapacity: 8, cohort });
  await announce(opened, LEADER, { models: [offer], segments: [makeSegment(LEADER, change[LEADER])] });
  return opened;
}

const announceSegment = (opened: TestRouter, n: number, sequence: bigint, change: Partial<OfferedSegment> = {}) =>
  announce(opened, n, { models: [], segments: [makeSegment(n, change)], sequence });

const gapOf = async (opened: TestRouter, bend?: Readonly<Record<string, unknown>>): Promise<string> => {
  const { refusal, message } = await refusalOf(route(await opened.connect(GATEWAY), bend));
  return `${refusal}: ${message}`;
};

describe('an offer of a cohort', () => {
  it('is drawn while each member offers its layers', async () => {
    const opened = await openCohort();
    const { ticket } = await route(await opened.connect(GATEWAY));
    expect([ticket.providerId, ticket.payee, ticket.pricePer1kAtomic]).toEqual([
      idOf(LEADER),
      payeeOf(LEADER).address,
      3n * PRICE,
    ]);
    // Segments alone are no offer of the model.
    const { models } = await (await opened.connect(GATEWAY)).service(RouterService).listModels({});
    expect(models).toMatchObject([{ providers: 1 }]);
  });

  it.each<[string, Partial<OfferedSegment>]>([
    ['offers other layers', { firstLayer: 21 }],
    ['offers fewer layers', { layers: 19 }],
    ['costs more', { pricePer1kAtomic: PRICE + 1n }],
    ['has another cut', { manifestHash: MODEL_ROOT }],
    ['has another model', { modelRoot: MANIFEST }],
    ['has another model id', { modelId: 'ogong/verified/test/other' }],
    ['has another number of layers', { totalLayers: 61 }],
    ['computes in another class', { numericClass: 'other' }],
    ['has less room for a context', { contextSize: 511 }],
    ['is full', { freeCapacity: 0 }],
  ])('is no candidate if a member %s', async (_what, change) => {
    expect(await gapOf(await openCohort({ 2: change }))).toMatch(
      /unavailable: .*layers 20 to 39 have no provider with room/,
    );
  });

  it('is no candidate without an announced member, and is one once it announces itself', async () => {
    const opened = await openCohort({}, [1, 2]);
    expect(await gapOf(opened)).toMatch(/layers 0 to 19 have no .*; layers 20 to 39 have no/);
    for (const n of [1, 2]) await announceSegment(opened, n, 1n, { pricePer1kAtomic: PRICE - 1n });
    await route(await opened.connect(GATEWAY));
  });

  it('is no candidate if its leader does not offer its own layers', async () => {
    expect(await gapOf(await openCohort({ 3: { layers: 19 } }))).toMatch(/layers 40 to 59 have no/);
  });

  it('is no candidate after a member has expired, or its link has ended', async () => {
    const opened = await start();
    const cohort = { manifestHash: MANIFEST, members };
    const link = await announceSegment(opened, 1, 1n);
    await announceSegment(opened, 2, 1n);
    const offer = makeOfferedModel({ pricePer1kAtomic: 3n * PRICE, cohort });
    const expiresAtMs = opened.clock.now + 60_000;
    await announce(opened, LEADER, { models: [offer], segments: [makeSegment(LEADER)], expiresAtMs });
    link.close();
    await expect.poll(() => gapOf(opened)).toMatch(/: layers 0 to 19 have no provider with room; try/);
    opened.clock.now += 30_001;
    expect(await gapOf(opened)).toMatch(/layers 0 to 19 have no .*; layers 20 to 39 have no/);
  });

  it('is no candidate with an ejected member', async () => {
    const opened = await openCohort();
    saveEjection(opened.store(), idOf(1), { block: 7, ejected: true });
    expect(await gapOf(opened)).toMatch(/layers 0 to 19 have no/);
  });

  it('has no more slots than the member with the fewest', async () => {
    const opened = await openCohort({ 1: { freeCapacity: 2 } });
    const gateway = await opened.connect(GATEWAY);
    await route(gateway);
    await route(gateway);
    expect(await gapOf(opened)).toMatch(/layers 0 to 19 have no/);
  });

  it('counts as the member with the least stake and reputation', async () => {
    const opened = await openCohort();
    for (const [n, tokens] of [9n, 4n, 6n].entries()) {
      opened.stakes.set(toHex(payeeOf(n + 1).address), tokens * 10n ** 18n);
    }
    await opened.router().refresh();
    const list = listWeighed((await route(await opened.connect(GATEWAY))).candidates);
    expect(list).toMatchObject([{ stakeTokens: 4n, reputationPpm: 500_000, weight: 2_500_000n }]);
  });

  it('has at stake what the member with the least has, and a bound by the parts of its members', () => {
    const model = {
      ...makeOfferedModel({ pricePer1kAtomic: 3n * PRICE }),
      cohort: { manifestHash: MANIFEST, members },
    };
    const find = (held: readonly bigint[], bounds: readonly bigint[]) => {
      const listed = (providerId: Uint8Array) => {
        const n = [1, 2, 3].find((one) => toHex(idOf(one)) === toHex(providerId)) as number;
        const figures = { heldAtomic: held[n - 1] as bigint, boundAtomic: bounds[n - 1], stakeAtomic: 0n };
        return { ...figures, reputationPpm: 1, segments: [makeSegment(n)], isGone: false };
      };
      const { heldAtomic, boundAtomic } = boundByMembers({ model, freeCapacity: 1, held: 0 }, listed);
      return { heldAtomic, boundAtomic };
    };
    expect(find([9n, 4n, 6n], [10n, 20n, 40n])).toEqual({ heldAtomic: 4n, boundAtomic: 30n });
    expect(find([9n, 8n, 6n], [20n, 20n, 40n])).toEqual({ heldAtomic: 6n, boundAtomic: 40n });
    expect(find([0n, 0n, 0n], [])).toEqual({ heldAtomic: 0n, boundAtomic: undefined });
  });

  it('is excluded with each member, and allowed with all of them', async () => {
    const opened = await openCohort();
    const gateway = await opened.connect(GATEWAY);
    expect(await gapOf(opened, { exclude: [idOf(2)] })).toMatch(/tried already/);
    expect(await gapOf(opened, { only: [idOf(1), idOf(LEADER)] })).toMatch(/names/);
    await route(gateway, { exclude: [idOf(4)], only: [1, 2, LEADER].map(idOf) });
  });
});

it('announcements with segments of one cut are handed on to a provider that asks for them', async () => {
  const opened = await openCohort();
  await announce(opened, 4);
  const service = (await opened.connect(60)).service(RouterService);
  const count = async (manifest: Uint8Array) => (await service.handSupply({ manifest })).announcements.length;
  expect(await count(MANIFEST)).toBe(3);
  expect(await count(new Uint8Array(32))).toBe(0);
  expect(await count(new Uint8Array(0))).toBe(4);
  expect((await refusalOf(count(new Uint8Array(31)))).refusal).toBe('invalid');
});

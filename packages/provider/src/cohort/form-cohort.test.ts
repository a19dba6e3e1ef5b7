import { type Announcement, encodeAnnouncement } from '@ogong/protocol/exchange/announcement';
import type { OfferedSegment } from '@ogong/protocol/exchange/cohort/segment';
import { describe, expect, it } from 'vitest';
import { type CohortModel, type FormedCohort, type FormingOptions, formCohort } from './form-cohort.ts';
import { createMemberPauses, FIRST_PAUSE_MS } from './member-pauses.ts';

const NOW = 1_800_000_000_000;
const LEADER = 9;
const idOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const makeSegment = (firstLayer: number, layers: number, change: Partial<OfferedSegment> = {}): OfferedSegment => ({
  ...{ modelId: 'ogong/verified/a/b', modelRoot: idOf(100), manifestHash: idOf(101), firstLayer, layers },
  ...{ totalLayers: 60, pricePer1kAtomic: 10n, contextSize: 4096, numericClass: 'x', uplinkMbit: 100 },
  ...{ capacity: 4, freeCapacity: 4, ...change },
});
const makeAnnouncement = (n: number, segment: OfferedSegment, change: Partial<Announcement> = {}): Announcement => ({
  ...{ providerId: idOf(n), payee: new Uint8Array(20).fill(n), endpoint: 'provider:1', certHash: idOf(n) },
  ...{ verifier: undefined, models: [], segments: [segment], sequence: 1n },
  ...{ issuedAtMs: NOW, expiresAtMs: NOW + 30_000, ...change },
});
const own = { providerId: idOf(LEADER), payee: new Uint8Array(20).fill(LEADER), segment: makeSegment(40, 20) };
const [first, second] = [makeAnnouncement(1, makeSegment(0, 20)), makeAnnouncement(2, makeSegment(20, 20))];
const cheaper = makeAnnouncement(3, makeSegment(20, 20, { pricePer1kAtomic: 1n }));
const form = (announcements: readonly Announcement[], change: Partial<FormingOptions> = {}): FormedCohort =>
  formCohort({
    ...{ own, announcements, nowMs: NOW, modality: 'text', active: 0, contextSize: 1024, promptRows: 0, width: 1 },
    ...{ atomicPerDelayUs: 0n, atomicPerTransferUs: 0n, delayUs: () => 0, ...change },
  });
const show = (formed: FormedCohort) =>
  'problem' in formed
    ? formed.problem
    : [formed.isKept, ...formed.model.cohort.members.map(({ providerId }) => providerId[0])];
const modelOf = (formed: FormedCohort): CohortModel => {
  if ('problem' in formed) throw new Error(formed.problem);
  return formed.model;
};

describe('a cohort', () => {
  it('is the cheapest tiling, as an offer that can be announced', () => {
    const formed = form([first, second, cheaper]);
    expect(show(formed)).toEqual([false, 1, 3, LEADER]);
    const model = modelOf(formed);
    expect(model).toMatchObject({ pricePer1kAtomic: 21n, contextSize: 4096, capacity: 4, freeCapacity: 4 });
    encodeAnnouncement({ ...makeAnnouncement(LEADER, own.segment), models: [model] });
  });

  it('weighs measured delays', () => {
    const delayUs = (_from: Uint8Array, to: Uint8Array) => (to[0] === 3 ? 50 : 1);
    expect(show(form([first, second, cheaper], { delayUs, atomicPerDelayUs: 1n }))).toEqual([false, 1, 2, LEADER]);
  });

  it('is none if layers have no provider', () => {
    expect(show(form([first]))).toBe('layers 20 to 39 have no provider with room');
    const late = { nowMs: NOW + 30_000 };
    expect(show(form([first, second], late))).toBe('layers 0 to 39 have no provider with room');
  });

  it('is none if a class is not of the tier, or if one machine serves the tier alone', () => {
    const formIn = (tier: string, numericClass: string) => {
      const change = { modelId: `ogong/${tier}/a/b`, numericClass };
      const announcements = [
        makeAnnouncement(1, makeSegment(0, 20, change)),
        makeAnnouncement(2, makeSegment(20, 20, change)),
      ];
      return show(form(announcements, { own: { ...own, segment: makeSegment(40, 20, change) } }));
    };
    const exact = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
    expect(formIn('replay', exact)).toEqual([false, 1, 2, LEADER]);
    expect(formIn('replay', `${exact}/no-fa`)).toMatch(/^shard 0: tier replay needs a numeric class/);
    expect(formIn('tee', exact)).toBe('in tier tee one machine serves a model alone');
  });

  describe('that stands', () => {
    const standing = modelOf(form([first, second]));

    it('is kept though another one is cheaper, with its present room and prices', () => {
      const fewer = makeAnnouncement(2, makeSegment(20, 20, { freeCapacity: 1, pricePer1kAtomic: 9n }));
      const formed = form([first, fewer, cheaper], { standing });
      expect(show(formed)).toEqual([true, 1, 2, LEADER]);
      expect(modelOf(formed)).toMatchObject({ freeCapacity: 1, pricePer1kAtomic: 29n });
    });

    it.each<[string, readonly Announcement[]]>([
      ['is gone', []],
      ['has expired', [{ ...second, expiresAtMs: NOW }]],
      ['offers other layers', [makeAnnouncement(2, makeSegment(21, 20))]],
      ['costs more', [makeAnnouncement(2, makeSegment(20, 20, { pricePer1kAtomic: 11n }))]],
      ['has room for a shorter context', [makeAnnouncement(2, makeSegment(20, 20, { contextSize: 4095 }))]],
    ])('is formed again if a member %s', (_what, now) => {
      expect(show(form([first, ...now, cheaper], { standing }))).toEqual([false, 1, 3, LEADER]);
    });

    it('is formed again without a member that failed, until some time has passed', () => {
      const pauses = createMemberPauses();
      pauses.note(idOf(2), NOW - FIRST_PAUSE_MS + 1);
      const change = { standing, active: 1, pauses };
      expect(show(form([first, second, cheaper], change))).toEqual([false, 1, 3, LEADER]);
      expect(show(form([first, second], change))).toBe('layers 20 to 39 have no provider with room');
      expect(show(form([first, second, cheaper], { ...change, nowMs: NOW + 1 }))).toEqual([true, 1, 2, LEADER]);
    });

    it('waits for a member that its own replies fill, and leaves one that others fill', () => {
      const full = makeAnnouncement(2, makeSegment(20, 20, { freeCapacity: 0 }));
      const dear = makeAnnouncement(4, makeSegment(20, 20, { pricePer1kAtomic: 90n }));
      const kept = form([first, full, dear], { standing, active: 1 });
      expect(show(kept)).toEqual([true, 1, 2, LEADER]);
      expect(modelOf(kept).freeCapacity).toBe(0);
      expect(show(form([first, full, dear], { standing }))).toEqual([false, 1, 4, LEADER]);
    });
  });
});

import { openStore } from '@ogong/host/store/store';
import { encodeEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import { describe, expect, it } from 'vitest';
import type { PlannedFault } from '../plan.ts';
import type { Machine } from '../world/process.ts';
import { START_MS } from '../world/virtual-time.ts';
import type { World } from '../world/world.ts';
import { watchBeacon } from './beacon.ts';
import { boundWaits } from './epoch-waits.ts';

const EPOCH_MS = 5_000;
const SCHEMA = `
  CREATE TABLE beacons (epoch INTEGER PRIMARY KEY, certificate BLOB NOT NULL);
  CREATE TABLE beacon_values (epoch INTEGER PRIMARY KEY, value BLOB NOT NULL);
`;
const NAMES = ['validator-0', 'validator-1', 'validator-2'];
const calm = {
  ...{ epochMs: EPOCH_MS, validators: 4, faultyMs: 30_000, healMs: 120_000, faults: [] as PlannedFault[] },
  liars: [{ machine: 'validator-3', how: 'withholds' }],
};
type WatchedPlan = Parameters<typeof boundWaits>[0];

/** Two views, the second twice as long as the first, and the time for messages. */
const MOST_MS = 2_000 + 4_000 + 1_750;
/** Longest wait for an epoch of a key: the time for messages. */
const MOST_BY_KEY_MS = 1_750;

/** A watch over three honest validators whose disks a test fills. */
function open(plan: WatchedPlan) {
  const found: { invariant: string; detail: string }[] = [];
  let nowMs = 0;
  let last = NAMES[0];
  const world = {
    seed: 1,
    time: { nowMs: () => nowMs, last: () => ({ name: last }) },
    violate: (invariant: string, detail: string) => void found.push({ invariant, detail }),
  } as unknown as World;
  const machines = NAMES.map((name) => {
    const store = openStore(':memory:', { schema: SCHEMA });
    return { name, disk: { find: () => store } } as unknown as Machine & { disk: { find: () => typeof store } };
  });
  const timed = plan.isThreshold ? { originMs: START_MS, periodMs: EPOCH_MS, aheadMs: 0 } : undefined;
  const watch = watchBeacon(world, machines, { epochMs: plan.epochMs, waits: boundWaits(plan), timed });
  return {
    /** Every validator has a turn then. */
    look(atMs: number): string[] {
      nowMs = atMs;
      for (const { name } of machines) {
        last = name;
        watch.check();
      }
      return found.map(({ invariant, detail }) => `${invariant}: ${detail}`);
    },
    put(epoch: number, who: readonly number[] = [0, 1, 2], value = epoch): void {
      const signature = new Uint8Array(96).fill(1);
      const certificate = encodeEpochCertificate({ kind: 'threshold', generation: 1, epoch: BigInt(epoch), signature });
      for (const i of who) {
        const store = machines[i]?.disk.find();
        // A certificate that does not stand there is none of a key.
        if (plan.isThreshold) store?.prepare('INSERT INTO beacons VALUES (?, ?)').run(epoch, certificate);
        store?.prepare('INSERT INTO beacon_values VALUES (?, ?)').run(epoch, new Uint8Array(32).fill(value));
      }
    },
  };
}

const crash = (atMs: number, forMs: number): PlannedFault => ({ kind: 'crash', machine: 'validator-0', atMs, forMs });

describe('a watch over epochs', () => {
  it('lets an epoch of the bootstrap beacon take the views of its liars, and one more', () => {
    const { put, look } = open(calm);
    put(1);
    expect(look(1_000)).toEqual([]);
    expect(look(1_000 + EPOCH_MS + MOST_MS)).toEqual([]);
    expect(look(1_000 + EPOCH_MS + MOST_MS + 1)[0]).toContain('every-epoch-ends: validator-0 waits 7.8 s for epoch 2');
  });

  it('lets nobody stay behind others by more than an epoch', () => {
    const { put, look } = open(calm);
    put(1);
    look(1_000);
    put(2, [0, 1]);
    // The third had the first epoch later, so that it has not waited for long itself.
    expect(look(6_500)).toEqual([]);
    put(3, [0, 1]);
    expect(look(12_000)).toEqual([]);
    expect(look(6_500 + EPOCH_MS + 1_751)[0]).toContain(
      'validator-2 waits 6.8 s for epoch 2 (bootstrap, behind others)',
    );
  });

  it('has an epoch of a key come with its time, whatever liars do', () => {
    const { put, look } = open({ ...calm, isThreshold: true });
    for (const epoch of [1, 2, 3]) {
      put(epoch);
      expect(look(epoch * EPOCH_MS + 100)).toEqual([]);
    }
    expect(look(4 * EPOCH_MS + MOST_BY_KEY_MS)).toEqual([]);
    expect(look(4 * EPOCH_MS + MOST_BY_KEY_MS + 1)[0]).toContain('waits 1.8 s for epoch 4 (key)');
  });

  it('waits for the clocks of those who sign', () => {
    const skew: PlannedFault = { kind: 'skew', machine: 'validator-1', skewMs: -1_000, drift: 0 };
    const { put, look } = open({ ...calm, isThreshold: true, faults: [skew] });
    put(1);
    look(EPOCH_MS + 1_100);
    expect(look(2 * EPOCH_MS + MOST_BY_KEY_MS + 1_000)).toEqual([]);
    expect(look(2 * EPOCH_MS + MOST_BY_KEY_MS + 1_001)).not.toEqual([]);
  });

  it('says nothing while faults last, and then allows the view that was open', () => {
    const { put, look } = open({ ...calm, faults: [crash(2_000, 18_000)] });
    put(1);
    look(1_000);
    expect(look(20_000)).toEqual([]);
    // The second epoch was open for 14 s: three views are over. The fourth, one of the liar, and one more, of 8, 10 and 12 s.
    expect(look(20_000 + 30_000 + 1_750)).toEqual([]);
    expect(look(20_000 + 30_000 + 1_751)).not.toEqual([]);
  });

  it('finds two values of one epoch', () => {
    const { put, look } = open(calm);
    put(1, [0]);
    look(500);
    put(1, [1], 2);
    expect(look(600)[0]).toContain('one-value-an-epoch: epoch 1: validator-1 has 02020202, others 01010101');
  });
});

const fault = (kind: 'stall' | 'leave', endMs: number): PlannedFault =>
  kind === 'stall' ? { kind, atMs: 0, forMs: endMs } : { kind, machine: 'validator-1', atMs: 0, forMs: endMs };
const waitOf = (plan: WatchedPlan, more: object = {}): number =>
  boundWaits(plan).mostMs({ machine: 'validator-1', isKeys: false, sinceMs: 0, ...more });

describe('the longest allowed wait of an honest validator', () => {
  it('is one view for each liar and one more, with growing views up to eight times the first', () => {
    const of = (count: number): number =>
      waitOf({
        ...calm,
        liars: Array.from({ length: count }, (_, i) => ({ machine: `validator-${i}`, how: 'withholds' })),
      });
    expect([of(0), of(1), of(2)]).toEqual([3_750, 7_750, 13_750]);
    expect(waitOf(calm, { openMs: 1_000_000 })).toBe(3 * 16_000 + 1_750);
  });

  it('includes the time until the last call fails that the stalled chain did not answer', () => {
    const plan = { ...calm, faults: [fault('stall', 20_000)] };
    expect(boundWaits(plan).wellMs).toBe(20_000);
    expect(waitOf(plan, { sinceMs: 4_000 }) - waitOf(calm)).toBe(6_000);
    expect(waitOf(plan, { sinceMs: 10_000 })).toBe(waitOf(calm));
  });

  it('includes the second reading of a validator that starts while the chain does not answer, for that validator alone', () => {
    const plan = { ...calm, faults: [fault('stall', 20_000), crash(1_000, 18_000)] };
    const otherMs = waitOf(plan);
    expect(waitOf(plan, { machine: 'validator-0' }) - otherMs).toBe(10_000);
    const later = { ...calm, faults: [fault('stall', 20_000), crash(1_000, 20_000)] };
    expect(waitOf(later, { machine: 'validator-0' })).toBe(waitOf(later));
  });

  it('includes the time until a validator that left is in a set again, for that validator alone', () => {
    const plan = { ...calm, validators: 7, faults: [fault('leave', 20_000)] };
    expect(waitOf(plan)).toBeGreaterThan(waitOf(calm) + 30_000);
    expect(waitOf(plan, { sinceMs: 100_000 })).toBe(waitOf(calm));
    expect(waitOf(plan, { machine: 'validator-2' })).toBe(waitOf(calm));
  });

  it('includes eight epochs if liars held a third of a set, but not long after', () => {
    const plan = { ...calm, faults: [fault('leave', 20_000)] };
    expect(waitOf(plan, { machine: 'validator-2' }) - waitOf(calm)).toBe(8 * EPOCH_MS);
    expect(waitOf(plan, { machine: 'validator-2', sinceMs: 100_000 })).toBe(waitOf(calm));
    expect(waitOf(plan, { machine: 'validator-2', isKeys: true })).toBe(MOST_BY_KEY_MS);
  });
});

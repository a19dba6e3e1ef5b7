import { createBeaconLeague, createBeaconLiar } from '@ogong/testing/protocol/beacon-liar';
import {
  type BeaconKeys,
  type BeaconNetworkOptions,
  createBeaconNetwork,
} from '@ogong/testing/protocol/beacon-network';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../base/bytes.ts';
import { createSeededRandom } from '../base/seeded-random.ts';
import { VRF_PROOF_BYTES } from '../crypto/vrf.ts';

describe('beacon agreement', () => {
  it('certifies an epoch in one view with all validators when there are no faults', () => {
    const net = createBeaconNetwork({ realProofs: true });
    expect(net.runUntil(5000, 3n)).toBeLessThan(2200);
    expect(net.isAgreed()).toBe(true);
    for (const { disk } of net.nodes) {
      expect(disk.latest.certificate).toMatchObject({ view: 0 });
      expect(disk.latest.certificate!.contributions).toHaveLength(4);
    }
  });

  it('checks each proof once per machine, the proposer included', () => {
    const net = createBeaconNetwork();
    net.runUntil(900, 1n);
    expect(net.latestEpochs()).toEqual([1n, 1n, 1n, 1n]);
    expect(net.proofsChecked()).toBe(4 * 4);
  });

  it('leaves out a contribution with an invalid proof, in the same view', () => {
    const net = createBeaconNetwork({
      tamper: (message, from) =>
        message.kind === 'contribution' && from === 3
          ? { ...message, proof: new Uint8Array(VRF_PROOF_BYTES) }
          : message,
    });
    net.runUntil(5000, 1n);
    const { certificate } = net.nodes[0]!.disk.latest;
    expect(certificate).toMatchObject({ epoch: 1n, view: 0 });
    expect(certificate!.contributions.map(({ validator }) => validator[0])).toEqual([1, 2, 3]);
  });

  it('stays live with any one of four down', () => {
    for (const down of [0, 1, 2, 3]) {
      const net = createBeaconNetwork();
      net.crash(down);
      net.runUntil(20_000, 2n);
      expect(net.latestEpochs().every((epoch) => epoch >= 2n)).toBe(true);
      expect(net.isAgreed()).toBe(true);
    }
  });

  it('certifies nothing with two of four down, and continues once one is back', () => {
    const net = createBeaconNetwork();
    net.crash(0);
    net.crash(2);
    net.runUntil(30_000);
    expect(net.certified.size).toBe(0);
    net.restart(2);
    net.runUntil(60_000, 1n);
    expect(net.latestEpochs().every((epoch) => epoch >= 1n)).toBe(true);
  });

  it('brings back a validator that missed epochs', () => {
    const net = createBeaconNetwork();
    net.crash(3);
    net.runUntil(30_000, 3n);
    net.restart(3);
    net.runUntil(60_000, 5n);
    expect(net.latestEpochs().every((epoch) => epoch >= 5n)).toBe(true);
    expect(net.isAgreed()).toBe(true);
  });

  it('loses no epoch to a member that leaves and comes back, again and again', () => {
    const count = (everyMs: number): number => {
      const net = createBeaconNetwork({
        ...{ random: createSeededRandom(5), size: 5, registryMs: 500 },
        registry: (all, now) => (Math.floor(now / everyMs) % 2 === 1 ? all.slice(0, -1) : all),
      });
      net.runUntil(30_000);
      expect(net.isAgreed()).toBe(true);
      return Math.min(...net.latestEpochs().map(Number));
    };
    const still = count(Number.MAX_SAFE_INTEGER);
    for (const everyMs of [1_020, 3_100, 10_000]) expect(count(everyMs)).toBeGreaterThanOrEqual(still - 1);
  });

  it('lets an unknown member join, and continues without two of five once the set changes', () => {
    const net = createBeaconNetwork({
      ...{ size: 5, registryMs: 100 },
      registry: (all, now) => (now < 4_000 ? all.slice(0, 4) : now < 12_000 ? all : all.slice(2)),
    });
    net.runUntil(20_000, 8n);
    expect(net.nodes[4]!.disk.latest.certificate!.contributions).toHaveLength(5);
    net.runUntil(17_000);
    net.crash(0);
    net.crash(1);
    const [before] = net.latestEpochs();
    net.runUntil(25_000);
    expect(net.isAgreed()).toBe(true);
    expect(net.latestEpochs()[0]!).toBeGreaterThan(before! + 5n);
  });

  it('restarts with the listed validators if too many of the certified ones are gone', () => {
    const net = createBeaconNetwork({
      ...{ size: 5, registryMs: 100 },
      registry: (all, now) => (now < 4_000 ? all : all.slice(2)),
    });
    net.runUntil(4_000);
    net.crash(0);
    net.crash(1);
    net.runUntil(9_000);
    const stuck = net.latestEpochs();
    expect(new Set(stuck).size).toBe(1);
    net.runUntil(30_000);
    expect(net.isAgreed()).toBe(true);
    expect(net.latestEpochs()[0]!).toBeGreaterThan(stuck[0]! + 5n);
  });

  it('asks its peers for a set that it never read', () => {
    const net = createBeaconNetwork({
      ...{ size: 5, registryMs: 500 },
      registry: (all, now) => (Math.floor(now / 2_500) % 2 === 1 ? all.slice(0, -1) : all),
    });
    net.runUntil(6_000);
    net.crash(1);
    net.forgetSets(1);
    net.restart(1);
    net.runUntil(20_000);
    const [, mine] = net.latestEpochs();
    expect(mine!).toBeGreaterThanOrEqual(16n);
    expect(net.isAgreed()).toBe(true);
  });

  it('agrees under loss and reordering, and is live once the network is', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0, max: 0.5, noNaN: true }), (seed, rate) => {
        const net = createBeaconNetwork({
          random: createSeededRandom(seed),
          loss: (now) => (now < 6000 ? rate : 0),
          maxDelayMs: 150,
        });
        net.runUntil(40_000, 4n);
        expect(net.isAgreed()).toBe(true);
        expect(net.latestEpochs().every((epoch) => epoch >= 4n)).toBe(true);
      }),
      { numRuns: 12, seed: 20 },
    );
  });

  it('agrees when validators crash anywhere and restart from what they persisted', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = createSeededRandom(seed);
        const net = createBeaconNetwork({ random, loss: () => 0.1, maxDelayMs: 60 });
        for (let i = 0; i < 12; i++) {
          const [index, atMs] = [Math.floor(random() * 4), random() * 6000];
          net.schedule(atMs, () => net.crash(index));
          net.schedule(atMs + 100 + random() * 300, () => net.restart(index));
        }
        net.runUntil(40_000, 4n);
        expect(net.isAgreed()).toBe(true);
        expect(net.latestEpochs().every((epoch) => epoch >= 4n)).toBe(true);
      }),
      { numRuns: 8, seed: 21 },
    );
  });

  it('is safe and live beside a liar that sends messages of every kind, in any view', () => {
    const kinds = new Set<string>();
    /** Values that honest validators prepared, by run and view. They show that the liar divides the validators. */
    const prepared = new Map<string, Set<string>>();
    fc.assert(
      fc.property(fc.integer(), fc.nat(3), (seed, liar) => {
        const random = createSeededRandom(seed);
        const tamper: BeaconNetworkOptions['tamper'] = (message, from) => {
          if (from === liar) kinds.add(message.kind);
          else if (message.kind === 'vote') {
            const view = `${seed} ${liar} ${message.epoch} ${message.view}`;
            prepared.set(view, (prepared.get(view) ?? new Set()).add(toHex(message.value)));
          }
          return message;
        };
        const liars = { [liar]: (keys: BeaconKeys) => createBeaconLiar(keys, createBeaconLeague()) };
        const net = createBeaconNetwork({ random, tamper, liars, loss: () => 0.05, maxDelayMs: 40 });
        net.runUntil(60_000, 4n);
        expect(net.isAgreed()).toBe(true);
        expect(net.isReached(4n)).toBe(true);
      }),
      { numRuns: 6, seed: 22 },
    );
    expect([...kinds].sort()).toEqual(['certificate', 'contribution', 'prepared', 'proposal', 'view', 'vote']);
    expect([...prepared.values()].some((values) => values.size > 1)).toBe(true);
  });
});

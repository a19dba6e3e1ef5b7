import { createEpochNetwork, type EpochNetwork, type EpochNetworkOptions } from '@ogong/testing/protocol/epoch-network';
import { fakeBls } from '@ogong/testing/protocol/fake-bls';
import { fakeSealedBox } from '@ogong/testing/protocol/fake-sealed-box';
import { createKeyMembers, seatMembers } from '@ogong/testing/protocol/key-network';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../base/bytes.ts';
import { createSeededRandom } from '../../base/seeded-random.ts';
import type { Bls } from '../../crypto/bls.ts';
import { nobleCrypto } from '../../crypto/noble.ts';
import { type EpochMessage, epochAt } from './epoch-machine.ts';
import { signPartials } from './partials.ts';
import type { ThresholdCertificate } from './threshold-value.ts';

const network = { chainId: 31337n, settlement: new Uint8Array(20).fill(0xaa) };
const primitives = { crypto: nobleCrypto, bls: fakeBls, box: fakeSealedBox };
const PERIOD_MS = 1_000;

function create(count: number, options: Partial<EpochNetworkOptions> = {}): EpochNetwork {
  const seats = seatMembers(primitives, network, createKeyMembers(new Array<bigint>(count).fill(10n)));
  return createEpochNetwork({
    ...{ network, primitives, seats, random: createSeededRandom(3), periodMs: PERIOD_MS, delayMs: 50 },
    ...options,
  });
}

const last = (net: EpochNetwork, at: number): bigint => net.nodes[at]!.machine?.latest ?? 0n;
const valuesOf = (net: EpochNetwork, at: number): string[] =>
  [...net.nodes[at]!.certified.values()].map(({ value }) => toHex(value));
/** Time from the beginning of an epoch to its certificate at a node. */
const lateness = (net: EpochNetwork, at: number, epoch: bigint): number =>
  net.nodes[at]!.certified.get(epoch)!.atMs - Number(epoch) * PERIOD_MS;

describe('timed epochs', () => {
  it('begin with the schedule', () => {
    const schedule = { originMs: 500, periodMs: 100 };
    expect([499, 500, 599, 600].map((nowMs) => epochAt(schedule, nowMs))).toEqual([-1n, 0n, 0n, 1n]);
  });

  it.each([1, 4, 7])('have one value each, among %i validators', (count) => {
    const net = create(count);
    net.runUntil(10_500);
    for (const { at } of net.nodes) {
      expect(last(net, at)).toBe(10n);
      expect(valuesOf(net, at)).toEqual(valuesOf(net, 0));
    }
    expect(new Set(valuesOf(net, 0)).size).toBe(10);
  });

  it('are not late if a validator is away', () => {
    const [all, some] = [create(7), create(7)];
    for (const at of [1, 4]) some.nodes[at]!.machine = undefined;
    for (const net of [all, some]) net.runUntil(6_500);
    for (let epoch = 1n; epoch <= 6n; epoch++) {
      expect(lateness(some, 0, epoch)).toBeLessThan(150);
      expect(some.nodes[0]!.certified.get(epoch)!.value).toEqual(all.nodes[0]!.certified.get(epoch)!.value);
    }
  });

  it('are not signed below the threshold, and all of them once enough are back', () => {
    const net = create(4);
    for (const at of [1, 2]) net.nodes[at]!.machine = undefined;
    net.runUntil(5_500);
    expect(last(net, 0)).toBe(0n);
    net.start(net.nodes[1]!);
    net.runUntil(7_500);
    expect(last(net, 0)).toBe(7n);
  });

  it('are signed with new shares of the key if these are dealt during an epoch', () => {
    const net = create(4);
    for (const node of net.nodes) node.lie = () => [];
    // Each has its own part of the first epoch alone, by shares that are no longer used.
    net.runUntil(5_500);
    net.dealAnew();
    for (const node of net.nodes) node.lie = undefined;
    net.runUntil(8_500);
    for (const { at } of net.nodes) {
      expect(last(net, at)).toBe(8n);
      expect(valuesOf(net, at)).toEqual(valuesOf(net, 0));
    }
  });

  it('reach a validator that missed them', () => {
    const net = create(4);
    net.nodes[3]!.machine = undefined;
    net.runUntil(200_500);
    net.start(net.nodes[3]!);
    net.runUntil(203_500);
    expect(valuesOf(net, 3)).toEqual(valuesOf(net, 0));
  });

  it('continue when a fifth of the messages is lost', () => {
    const net = create(4, { loss: 0.2 });
    net.runUntil(20_900);
    for (const { at } of net.nodes) expect(last(net, at)).toBeGreaterThanOrEqual(20n);
  });

  it('are signed by no validator before its own clock, and a fast clock moves no other', () => {
    const net = create(4);
    net.nodes[2]!.skewMs = 5 * PERIOD_MS;
    net.runUntil(900);
    for (const { at } of net.nodes) expect(last(net, at)).toBe(0n);
    net.runUntil(4_500);
    for (const at of [0, 1, 3]) {
      expect(last(net, at)).toBe(4n);
      for (let epoch = 1n; epoch <= 4n; epoch++) expect(lateness(net, at, epoch)).toBeGreaterThan(0);
    }
  });
});

describe('timed epochs with liars', () => {
  it('that send garbage', () => {
    const net = create(4);
    net.nodes[1]!.lie = (message) =>
      message.kind === 'partials'
        ? [
            {
              ...message,
              partials: message.partials.map((one) => ({ ...one, signature: fakeBls.sign(5n, Uint8Array.of(2)) })),
            },
          ]
        : [message];
    net.runUntil(5_500);
    for (const at of [0, 2, 3]) expect(last(net, at)).toBe(5n);
    expect(lateness(net, 0, 5n)).toBeLessThan(150);
  });

  it('that withhold from all, or from some', () => {
    for (const lie of [() => [], (message: EpochMessage, to: number) => (to === 0 ? [message] : [])]) {
      const net = create(7);
      for (const at of [1, 5]) net.nodes[at]!.lie = lie;
      net.runUntil(5_500);
      for (const at of [0, 2, 3, 4, 6]) expect(last(net, at)).toBe(5n);
    }
  });

  it('that sign for another epoch, or far ahead', () => {
    const net = create(4);
    const early: EpochMessage[] = [2n, 3n, 900n].map((epoch) => {
      const signed = signPartials(fakeBls, network, { generation: 1, era: 1, epoch, shares: net.sharesOf(1) });
      return { kind: 'partials', ...signed };
    });
    for (const message of early) for (const to of [0, 2, 3]) net.inject(1, to, message);
    net.nodes[1]!.lie = (message) =>
      message.kind === 'partials' ? [{ ...message, epoch: message.epoch + 1n }] : [message];
    net.runUntil(5_500);
    for (const at of [0, 2, 3]) expect(last(net, at)).toBe(5n);
  });

  it('that forge certificates', () => {
    const net = create(4);
    net.runUntil(2_500);
    const known = net.nodes[0]!.certified.get(2n)!.certificate;
    for (const certificate of [
      { ...known, epoch: 3n },
      { ...known, epoch: 3n, generation: 2 },
      { ...known, epoch: 9n },
    ]) {
      net.inject(1, 0, { kind: 'certificates', certificates: [certificate] });
    }
    net.runUntil(2_800);
    expect(last(net, 0)).toBe(2n);
    net.runUntil(3_500);
    expect(valuesOf(net, 0)).toEqual(valuesOf(net, 2));
  });

  it('that forge many certificates cost one pairing per pause, and none for future epochs', () => {
    let pairings = 0;
    const bls: Bls = {
      ...fakeBls,
      verify(...claim) {
        pairings += 1;
        return fakeBls.verify(...claim);
      },
    };
    const net = create(4, { primitives: { ...primitives, bls } });
    net.runUntil(2_500);
    const node = net.nodes[0]!;
    const known = node.certified.get(2n)!.certificate;
    const liar = net.group.seats.seats[1]!.address;
    const receive = (from: Uint8Array, certificates: readonly ThresholdCertificate[], nowMs = 2_500) => {
      const before = pairings;
      const actions = node.machine!.receive(from, { kind: 'certificates', certificates }, nowMs);
      return { pairings: pairings - before, certified: actions.filter(({ kind }) => kind === 'certified').length };
    };
    const nothing = { pairings: 0, certified: 0 };
    const ahead = Array.from({ length: 64 }, (_, i) => ({ ...known, epoch: BigInt(50 + i) }));
    expect(receive(liar, ahead)).toEqual(nothing);
    // This one names another generation than that of its epoch.
    expect(receive(net.group.seats.seats[2]!.address, [{ ...known, epoch: 3n, generation: 2 }])).toEqual(nothing);
    const forged = [3n, 4n].map((epoch) => ({ ...known, epoch }));
    for (let i = 0; i < 20; i++) expect(receive(liar, forged).pairings).toBe(i === 0 ? 1 : 0);
    const same = create(4);
    same.runUntil(3_500);
    const next = same.nodes[2]!.certified.get(3n)!.certificate;
    expect(receive(liar, [next], 2_599)).toEqual(nothing);
    expect(receive(liar, [next], 2_600)).toEqual({ pairings: 1, certified: 1 });
    // Far behind, a validator could use any of them. The first invalid one is the last one that it checks.
    for (let i = 0; i < 20; i++) expect(receive(liar, ahead, 200_500).pairings).toBe(i === 0 ? 1 : 0);
  });
});

describe('a network that stood still', () => {
  /** A network without a tick for a thousand epochs. */
  function standStill(count = 4, options: Partial<EpochNetworkOptions> = {}) {
    const net = create(count, options);
    net.runUntil(3_500);
    for (const node of net.nodes) node.machine = undefined;
    net.runUntil(1_003_500);
    return net;
  }
  const resume = (net: EpochNetwork): void => {
    for (const node of net.nodes) net.start(node);
  };

  it('continues with the current epochs, and signs few of those between', () => {
    const net = standStill();
    resume(net);
    net.runUntil(1_008_500);
    for (const { at, certified } of net.nodes) {
      expect(last(net, at)).toBe(1_008n);
      expect(certified.size).toBeLessThan(100);
    }
    // Nodes skip epochs at slightly different times, so one may have an epoch that another skipped.
    const [one, other] = [net.nodes[0]!.certified, net.nodes[3]!.certified];
    const both = [...one.keys()].filter((epoch) => other.has(epoch));
    expect(both.length).toBeGreaterThan(8);
    for (const epoch of both) expect(one.get(epoch)!.value).toEqual(other.get(epoch)!.value);
  });

  it('agrees when clocks differ about the current epoch', () => {
    const net = standStill();
    net.nodes.forEach((node, i) => {
      node.skewMs = 400 * i;
    });
    resume(net);
    net.runUntil(1_020_500);
    for (const { at } of net.nodes) expect(last(net, at)).toBe(1_020n);
  });

  it('signs a skipped epoch once a node needs it, with the same value everywhere', () => {
    const net = standStill();
    resume(net);
    net.runUntil(1_008_500);
    expect(net.nodes.map(({ certified }) => certified.has(500n))).toEqual([false, false, false, false]);
    net.want(2, 500n);
    net.runUntil(1_010_500);
    const values = net.nodes.map(({ certified }) => certified.get(500n)?.value);
    expect(new Set(values.map((value) => value && toHex(value))).size).toBe(1);
    expect(values[0]).toBeDefined();
    for (const { at } of net.nodes) expect(last(net, at)).toBe(1_010n);
  });

  it('signs nothing early, even if a node needs it', () => {
    const net = standStill();
    resume(net);
    net.runUntil(1_008_500);
    for (const at of [0, 1, 2, 3]) net.want(at, 1_011n);
    net.runUntil(1_010_900);
    expect(net.nodes.some(({ certified }) => certified.has(1_011n))).toBe(false);
  });

  it('continues with the fewest signers, and late nodes accept their values', () => {
    const net = standStill();
    for (const at of [0, 1, 2]) net.start(net.nodes[at]!);
    net.runUntil(1_100_500);
    net.start(net.nodes[3]!);
    net.runUntil(1_103_500);
    for (const { at } of net.nodes) expect(last(net, at)).toBe(1_103n);
  });

  it('is not kept busy by a peer that asks for all skipped epochs', () => {
    const net = standStill();
    resume(net);
    net.runUntil(1_008_500);
    for (let epoch = 100n; epoch < 900n; epoch++) net.inject(1, 0, { kind: 'request', from: epoch });
    net.runUntil(1_015_500);
    for (const { at } of net.nodes) {
      expect(last(net, at)).toBe(1_015n);
      for (let epoch = 1_009n; epoch <= 1_015n; epoch++) expect(lateness(net, at, epoch)).toBeLessThanOrEqual(150);
    }
  });
});

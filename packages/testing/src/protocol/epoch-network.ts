import { equalBytes } from '@ogong/protocol/base/bytes';
import type { BeaconNetwork } from '@ogong/protocol/beacon/beacon';
import {
  createEpochMachine,
  type EpochAction,
  type EpochMachine,
  type EpochMessage,
  epochMessageFormat,
} from '@ogong/protocol/beacon/threshold/epoch-machine';
import { type Committee, listTickets } from '@ogong/protocol/beacon/threshold/members';
import { type KeyShare, keyOf, type ThresholdGroup } from '@ogong/protocol/beacon/threshold/partials';
import type { ThresholdCertificate } from '@ogong/protocol/beacon/threshold/threshold-value';
import type { Bls } from '@ogong/protocol/crypto/bls';
import { evaluatePolynomial } from '@ogong/protocol/crypto/bls-scalar';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

export interface EpochNode {
  readonly at: number;
  machine: EpochMachine | undefined;
  readonly certified: Map<
    bigint,
    { readonly certificate: ThresholdCertificate; readonly value: Uint8Array; readonly atMs: number }
  >;
  /** Milliseconds by which its clock is ahead of the true time. */
  skewMs: number;
  lie: ((message: EpochMessage, to: number) => readonly EpochMessage[]) | undefined;
  sentBytes: number;
}

export interface EpochNetworkOptions {
  readonly network: BeaconNetwork;
  readonly primitives: { readonly crypto: Crypto; readonly bls: Bls };
  readonly seats: Committee;
  readonly random: () => number;
  readonly periodMs: number;
  /** Largest delay of a message. */
  readonly delayMs: number;
  readonly loss?: number;
}

/** A group with a known polynomial, as if a key generation had made it. All eras have the same key. */
export function createKnownGroup(
  bls: Bls,
  seats: Committee,
  era = 1,
): { group: ThresholdGroup; sharesOf: (at: number) => KeyShare[] } {
  const polynomial = Array.from({ length: seats.threshold }, (_, i) => BigInt(91 + 13 * i * era));
  const commitments = bls.decodeKeys(polynomial.map((one) => bls.deriveKey(one)));
  if (commitments === undefined) throw new Error('no keys');
  const sharesOf = (at: number): KeyShare[] => {
    const seat = seats.seats[at];
    return seat === undefined
      ? []
      : listTickets(seat).map((ticket) => ({ ticket, scalar: evaluatePolynomial(polynomial, ticket) }));
  };
  return { group: { generation: 1, era, seats, commitments }, sharesOf };
}

/** Epoch machines of all committee members under a virtual clock. */
export function createEpochNetwork(options: EpochNetworkOptions) {
  const { network, primitives, seats, random, periodMs, delayMs } = options;
  const { group, sharesOf } = createKnownGroup(primitives.bls, seats);
  let newest = { group, sharesOf };
  const schedule = { originMs: 0, periodMs };
  const generations = [{ generation: 1, key: keyOf(group), firstEpoch: 1n }];
  let nowMs = 0;
  const events: { readonly atMs: number; readonly run: () => void }[] = [];
  const nodes: EpochNode[] = seats.seats.map((_, at) => ({
    ...{ at, machine: undefined, certified: new Map(), skewMs: 0, lie: undefined, sentBytes: 0 },
  }));

  function plan(atMs: number, run: () => void): void {
    let at = events.length;
    while (at > 0 && (events[at - 1]?.atMs ?? 0) > atMs) at -= 1;
    events.splice(at, 0, { atMs, run });
  }

  function start(node: EpochNode): void {
    const latest = [...node.certified.keys()].reduce((most, epoch) => (epoch > most ? epoch : most), 0n);
    const self = seats.seats[node.at]?.address as Uint8Array;
    node.machine = createEpochMachine(
      { network, schedule, resendMs: periodMs / 10, latest },
      {
        ...primitives,
        ...{
          self,
          generations: () => generations,
          groupOf: () => ({ group: newest.group, shares: newest.sharesOf(node.at) }),
        },
        hasValue: (epoch) => node.certified.has(epoch),
        findCertificates: (from) =>
          [...node.certified.values()]
            .map(({ certificate }) => certificate)
            .filter(({ epoch }) => epoch >= from)
            .sort((a, b) => Number(a.epoch - b.epoch)),
      },
    );
  }

  function step(node: EpochNode, act: (machine: EpochMachine) => EpochAction[]): void {
    for (const action of node.machine === undefined ? [] : act(node.machine)) {
      if (action.kind === 'certified') {
        const { certificate, value } = action;
        node.certified.set(certificate.epoch, { certificate, value, atMs: nowMs });
        continue;
      }
      const target = nodes.find(({ at }) => equalBytes(seats.seats[at]?.address as Uint8Array, action.to));
      if (target === undefined) continue;
      for (const message of node.lie === undefined ? [action.message] : node.lie(action.message, target.at)) {
        deliver(node, target, message);
      }
    }
  }

  function deliver(node: EpochNode, target: EpochNode, message: EpochMessage): void {
    const encoded = epochMessageFormat.encode(message);
    node.sentBytes += encoded.length;
    if (random() < (options.loss ?? 0)) return;
    const from = seats.seats[node.at]?.address as Uint8Array;
    plan(nowMs + 1 + Math.floor(random() * delayMs), () =>
      step(target, (machine) => machine.receive(from, epochMessageFormat.decode(encoded), nowMs + target.skewMs)),
    );
  }

  for (const node of nodes) {
    start(node);
    const every = (): void => {
      step(node, (machine) => machine.tick(nowMs + node.skewMs));
      plan(nowMs + periodMs / 50, every);
    };
    plan(0, every);
  }

  return {
    nodes,
    group,
    sharesOf,
    start,
    now: () => nowMs,
    /** Gives all members other shares of the same key, also for epochs that are in progress. */
    dealAnew(): void {
      newest = createKnownGroup(primitives.bls, seats, newest.group.era + 1);
    },
    /** A message as a liar would send it. */
    inject: (from: number, to: number, message: EpochMessage): void =>
      deliver(nodes[from] as EpochNode, nodes[to] as EpochNode, message),
    /** Requests an epoch that was passed over. */
    want(at: number, epoch: bigint): void {
      const node = nodes[at] as EpochNode;
      step(node, (machine) => machine.want(epoch, nowMs + node.skewMs));
    },
    runUntil(untilMs: number): void {
      for (let event = events[0]; event !== undefined && event.atMs <= untilMs; event = events[0]) {
        events.shift();
        nowMs = event.atMs;
        event.run();
      }
      nowMs = untilMs;
    },
  };
}

export type EpochNetwork = ReturnType<typeof createEpochNetwork>;

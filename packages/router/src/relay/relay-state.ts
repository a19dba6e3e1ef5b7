import type { Socket } from 'node:net';
import type { LinkIdentity, PeerId } from '@ogong/host/link/link-identity';
import { nameRelaySubject, type RelayWish } from '@ogong/host/link/reach/relay-wire';
import { createTally, type Tally } from '@ogong/host/link/tally';
import { createRateLimiter, type RateLimiter } from '@ogong/host/link/token-bucket';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import type { Clock } from '@ogong/host/time/clock';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createAddressCredit } from './address-credit.ts';
import { type ByteMeter, createByteMeter } from './byte-meter.ts';
import type { RelayLimits } from './relay-limits.ts';
import type { RelayPayments } from './relay-payments.ts';

export interface RelayDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly identity: LinkIdentity;
  /** Signs statements of carried bytes. */
  readonly signer: HybridSigner;
  /** 32 bytes. */
  readonly randomBytes: () => Uint8Array;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Default: it carries without payment. */
  readonly payments?: RelayPayments | undefined;
}

export interface CallEvent {
  readonly token: Uint8Array;
  readonly group: Uint8Array;
}

/** A registered node. */
export interface RelaySeat {
  readonly certHash: PeerId;
  readonly group: string;
  /** Tells the node that a caller wants a link to it. @returns false if the node does not read its calls. */
  call(event: CallEvent): boolean;
  /** Ends the registration, because another one takes its place. */
  end(): void;
}

/** A caller's link, joined or waiting. */
export interface HeldLink {
  /** Certificate hash of the wanted node, hex. */
  readonly node: string;
  /** Address of the caller. */
  readonly group: string;
  readonly socket: Socket;
}

export interface WaitingCaller {
  readonly token: Uint8Array;
  readonly seat: RelaySeat;
  readonly socket: Socket;
  /** Its address. */
  readonly group: string;
  readonly askedAtMs: number;
  /** The node has joined: the wait is over. */
  take(): void;
}

export interface RelayState extends Omit<RelayDependencies, 'metrics'> {
  readonly limits: RelayLimits;
  readonly relayId: Uint8Array;
  /** By certificate hash, hex. */
  readonly seats: Map<string, RelaySeat>;
  /** The same entries, by nameOf. */
  readonly named: Map<string, RelaySeat>;
  /** By nameOf. */
  readonly waiting: Map<string, WaitingCaller>;
  /** The oldest first. */
  readonly held: Set<HeldLink>;
  /** Every connection, so that stop can end them. */
  readonly sockets: Set<Socket>;
  /** Connections whose purpose is not known yet, by address. */
  readonly unread: Tally;
  readonly rate: RateLimiter;
  readonly groupRate: RateLimiter;
  /** By address: bytes to nodes that have not answered. */
  readonly unanswered: RateLimiter;
  readonly groupSecret: Uint8Array;
  /** Shown to each connecting side, new at each start. */
  readonly salt: Uint8Array;
  readonly metrics: RelayMetrics;
  meterOf(certHash: PeerId): ByteMeter;
  /** The name, hex, under which a connecting side asks for a node or a token. */
  nameOf(wish: RelayWish): string;
}

/** Most kept meters, more than a relay has nodes in a day. The oldest one is dropped if its node is not registered. */
const MAX_METERS = 16_384;

export function openRelayState(limits: RelayLimits, dependencies: RelayDependencies): RelayState {
  const { clock, crypto, signer, randomBytes, payments } = dependencies;
  const seats = new Map<string, RelaySeat>();
  const salt = randomBytes();
  const meters = new Map<string, ByteMeter>();
  const credit = payments && createAddressCredit(payments, clock);
  return {
    ...dependencies,
    limits,
    relayId: hashHybridKey(crypto, signer.publicKey),
    seats,
    named: new Map(),
    waiting: new Map(),
    held: new Set(),
    sockets: new Set(),
    unread: createTally(),
    rate: createRateLimiter(limits.rate, clock),
    groupRate: createRateLimiter(limits.groupRate, clock),
    unanswered: createRateLimiter(limits.unansweredRate, clock),
    groupSecret: randomBytes(),
    salt,
    nameOf: (wish) => toHex(nameRelaySubject(crypto, salt, wish)),
    metrics: createRelayMetrics(dependencies.metrics),
    meterOf(certHash) {
      const name = toHex(certHash);
      // Bytes in transit at the end of a registration count for its address.
      let group = '';
      const isCovered = (total: bigint): boolean => {
        group = seats.get(name)?.group ?? group;
        return credit?.isCovered(certHash, group, total) ?? true;
      };
      const meter = meters.get(name) ?? createByteMeter(limits, clock, isCovered);
      meters.set(name, meter);
      if (meters.size > MAX_METERS) {
        const idle = [...meters.keys()].find((other) => other !== name && !seats.has(other));
        if (idle !== undefined) {
          meters.delete(idle);
          credit?.forget(fromHex(idle));
        }
      }
      return meter;
    },
  };
}

export type RelayMetrics = ReturnType<typeof createRelayMetrics>;

function createRelayMetrics(metrics: Metrics) {
  return {
    steps: metrics.steps,
    nodes: metrics.gauge('relay_nodes', 'Nodes that are registered'),
    links: metrics.counter('relay_links_total', 'Links that callers asked for: joined or why not', ['outcome']),
    bytes: metrics.counter('relay_bytes_total', 'Bytes that were copied, by direction', ['direction']),
  };
}

import type { ByteBudgetLimits } from './byte-budget.ts';
import type { RateLimit } from './token-bucket.ts';

const MIB = 1024 * 1024;

export interface LinkServerLimits extends ByteBudgetLimits {
  /** Largest message either way; `router.service(..., { readMaxBytes })` tightens it per service or method. */
  readonly maxMessageBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxStreamsPerConnection: number;
  readonly maxCallsPerPeer: number;
  /** Of all strangers in one group of addresses, see computeAddressGroup. */
  readonly maxCallsPerGroup: number;
  readonly maxConnectionsPerPeer: number;
  readonly maxConnectionsPerGroup: number;
  readonly maxConnections: number;
  /** How many of them only known peers get. */
  readonly reservedConnections: number;
  /** Connections that are not links yet: TCP without TLS. Beyond them the oldest makes room. */
  readonly maxHandshakes: number;
  readonly maxHandshakesPerGroup: number;
  readonly handshakeTimeoutMs: number;
  /** TLS handshakes that connections of one group of addresses may begin. */
  readonly groupHandshakeRate: RateLimit;
  /** Those of a group from which a stranger lost its links within the last minute. */
  readonly slowedHandshakeRate: RateLimit;
  /** Those of all groups from which no known peer has come. */
  readonly handshakeRate: RateLimit;
  /** A connection without a byte in either direction, pings included, for this long is closed. */
  readonly idleTimeoutMs: number;
  /** A request must have arrived whole by then. */
  readonly requestTimeoutMs: number;
  /** Longest deadline that a caller may ask for, and the one of a caller that asks for none. */
  readonly maxTimeoutMs: number;
  readonly callRate: RateLimit;
  /** Of all strangers of one group of addresses. */
  readonly groupCallRate: RateLimit;
  /** Of one address, beyond these two: calls that it has earned. */
  readonly earnedCallRate: RateLimit;
  /**
   * Refusals that a stranger receives before it loses its connections, of one peer and of one group of addresses. Refusals by a limit and
   * for its own fault count.
   */
  readonly refusalRate: RateLimit;
  readonly groupRefusalRate: RateLimit;
  /** When places are short, a stranger counts as idle after this time without traffic in its calls. */
  readonly stalledAfterMs: number;
}

export const DEFAULT_SERVER_LIMITS: LinkServerLimits = {
  maxMessageBytes: 4 * MIB,
  maxHeaderBytes: 16 * 1024,
  maxStreamsPerConnection: 256,
  maxCallsPerPeer: 512,
  maxCallsPerGroup: 1024,
  maxConnectionsPerPeer: 8,
  maxConnectionsPerGroup: 128,
  maxConnections: 1024,
  reservedConnections: 256,
  maxHandshakes: 256,
  maxHandshakesPerGroup: 64,
  handshakeTimeoutMs: 10_000,
  groupHandshakeRate: { perSecond: 16, burst: 256 },
  slowedHandshakeRate: { perSecond: 1, burst: 8 },
  handshakeRate: { perSecond: 64, burst: 1024 },
  idleTimeoutMs: 120_000,
  requestTimeoutMs: 30_000,
  maxTimeoutMs: 3_600_000,
  callRate: { perSecond: 500, burst: 1000 },
  groupCallRate: { perSecond: 2000, burst: 4000 },
  earnedCallRate: { perSecond: 2000, burst: 4000 },
  refusalRate: { perSecond: 5, burst: 250 },
  groupRefusalRate: { perSecond: 10, burst: 500 },
  stalledAfterMs: 30_000,
  freeBodyBytes: 64 * 1024,
  maxBodyBytes: 256 * MIB,
  maxBodyBytesPerGroup: 128 * MIB,
  maxBodyBytesPerPeer: 64 * MIB,
  maxKnownBodyBytes: 512 * MIB,
  maxKnownBodyBytesPerPeer: 256 * MIB,
};

export interface LinkClientLimits {
  readonly maxMessageBytes: number;
  /** TCP, TLS and the check of the pin. */
  readonly connectTimeoutMs: number;
  /** Time for which one way to a peer is tried alone, if there are several. */
  readonly headStartMs: number;
  /** How long a link goes a lesser way before a better one is tried again. */
  readonly lookUpMs: number;
  /** Deadline of a unary call that sets none. */
  readonly unaryTimeoutMs: number;
  /** Deadline of a whole stream that sets none. */
  readonly streamTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
}

export const DEFAULT_CLIENT_LIMITS: LinkClientLimits = {
  maxMessageBytes: 4 * MIB,
  connectTimeoutMs: 10_000,
  headStartMs: 300,
  lookUpMs: 30_000,
  unaryTimeoutMs: 15_000,
  streamTimeoutMs: 600_000,
  pingIntervalMs: 20_000,
  pingTimeoutMs: 10_000,
};

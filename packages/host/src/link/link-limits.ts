import type { RateLimit } from './token-bucket.ts';

const MIB = 1024 * 1024;

export interface LinkServerLimits {
  /** Largest message either way; `router.service(..., { readMaxBytes })` tightens it per service or method. */
  readonly maxMessageBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxStreamsPerConnection: number;
  readonly maxCallsPerPeer: number;
  readonly maxConnectionsPerPeer: number;
  readonly maxConnections: number;
  readonly handshakeTimeoutMs: number;
  /** A connection without a byte in either direction, pings included, for this long is closed. */
  readonly idleTimeoutMs: number;
  /** A request must have arrived whole by then. */
  readonly requestTimeoutMs: number;
  /** Longest deadline that a caller may ask for, and the one of a caller that asks for none. */
  readonly maxTimeoutMs: number;
  readonly callRate: RateLimit;
}

export const DEFAULT_SERVER_LIMITS: LinkServerLimits = {
  maxMessageBytes: 4 * MIB,
  maxHeaderBytes: 16 * 1024,
  maxStreamsPerConnection: 256,
  maxCallsPerPeer: 512,
  maxConnectionsPerPeer: 8,
  maxConnections: 1024,
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 120_000,
  requestTimeoutMs: 30_000,
  maxTimeoutMs: 3_600_000,
  callRate: { perSecond: 500, burst: 1000 },
};

export interface LinkClientLimits {
  readonly maxMessageBytes: number;
  /** TCP, TLS and the check of the pin. */
  readonly connectTimeoutMs: number;
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
  unaryTimeoutMs: 15_000,
  streamTimeoutMs: 600_000,
  pingIntervalMs: 20_000,
  pingTimeoutMs: 10_000,
};

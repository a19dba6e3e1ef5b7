import type { RateLimit } from '@ogong/host/link/token-bucket';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** The limits of a relay. Certificates are free, so each limit of a node has one of its address. */
export interface RelayLimits {
  /** Registered nodes: in all, and of one address. */
  readonly maxNodes: number;
  readonly maxNodesPerGroup: number;
  /** Joined and waiting links: in all, to one node, and of callers from one address. */
  readonly maxLinks: number;
  readonly maxLinksPerNode: number;
  readonly maxLinksPerGroup: number;
  /** Connections of one address whose first bytes have not arrived. */
  readonly maxNewPerGroup: number;
  /** Connections that an address may open: a registered node's own joins do not count. */
  readonly groupRate: RateLimit;
  /** The same for all addresses together. */
  readonly rate: RateLimit;
  /** Time for the first bytes. */
  readonly helloTimeoutMs: number;
  /** Time for the node to join. */
  readonly joinTimeoutMs: number;
  /** A link without a byte for this long is closed. Both ends ping more often. */
  readonly idleTimeoutMs: number;
  /** Rate of all links to one node, both directions. */
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  /** Bytes of one node in a day. */
  readonly maxBytesPerDay: number;
  /** Rate of callers of one address for bytes to nodes that have not answered on that link. Nobody else is charged for them. */
  readonly unansweredRate: RateLimit;
  /** Bytes of one link before the node answers: a handshake begins with less. */
  readonly maxUnansweredBytes: number;
}

export const DEFAULT_RELAY_LIMITS: RelayLimits = {
  maxNodes: 1024,
  maxNodesPerGroup: 16,
  maxLinks: 4096,
  maxLinksPerNode: 256,
  maxLinksPerGroup: 512,
  maxNewPerGroup: 64,
  groupRate: { perSecond: 16, burst: 256 },
  rate: { perSecond: 128, burst: 2048 },
  helloTimeoutMs: 5_000,
  joinTimeoutMs: 5_000,
  idleTimeoutMs: 90_000,
  bytesPerSecond: 16 * MIB,
  burstBytes: 32 * MIB,
  maxBytesPerDay: 256 * GIB,
  unansweredRate: { perSecond: 64 * 1024, burst: 8 * MIB },
  maxUnansweredBytes: 64 * 1024,
};

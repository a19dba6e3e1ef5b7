import type { RateLimit } from '@ogong/host/link/token-bucket';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** What a relay gives, at most. Certificates are free, so whatever a node may have, its address may not have without end. */
export interface RelayLimits {
  /** Nodes that are registered at a time: in all, and of one address. */
  readonly maxNodes: number;
  readonly maxNodesPerGroup: number;
  /** Joined links, and those that wait for their node: in all, to one node, and of callers from one address. */
  readonly maxLinks: number;
  readonly maxLinksPerNode: number;
  readonly maxLinksPerGroup: number;
  /** Connections of one address that have not said yet what they want. */
  readonly maxNewPerGroup: number;
  /** Connections that an address may open: a registered node's own joins do not count. */
  readonly groupRate: RateLimit;
  /** The same, all addresses together. */
  readonly rate: RateLimit;
  /** The first bytes have to be there by then. */
  readonly helloTimeoutMs: number;
  /** The node has to join by then. */
  readonly joinTimeoutMs: number;
  /** A link without a byte for this long is closed. Both ends ping more often. */
  readonly idleTimeoutMs: number;
  /** Of all links to one node, both directions. */
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  /** Of one node in a day. */
  readonly maxBytesPerDay: number;
  /** What callers of one address may send to nodes that have not answered on that link: nobody else is charged for it. */
  readonly unansweredRate: RateLimit;
  /** The same of one link: its handshake begins with less. */
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

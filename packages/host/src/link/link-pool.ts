import type { DescService } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { toHex } from '@ogong/protocol/base/bytes';
import { formatHostPort, type HostPort, parseHostPort } from './host-port.ts';
import { createLinkClient, type LinkClient } from './link-client.ts';
import type { LinkIdentity, PeerId } from './link-identity.ts';
import type { LinkClientLimits } from './link-limits.ts';

/** One link per peer that a daemon calls; the least recently used one is closed where there are too many. */
export interface LinkPool {
  /** @throws RangeError where the endpoint is malformed. */
  to<S extends DescService>(service: S, peer: Peer): Client<S>;
  close(): void;
}

export interface Peer {
  /** `host:port`, or already parsed. */
  readonly endpoint: string | HostPort;
  readonly certHash: PeerId;
}

export interface LinkPoolOptions {
  readonly identity: LinkIdentity;
  readonly limits?: Partial<LinkClientLimits>;
  /** Default: 256. */
  readonly capacity?: number;
}

export function createLinkPool({ identity, limits = {}, capacity = 256 }: LinkPoolOptions): LinkPool {
  const links = new Map<string, LinkClient>();

  function find(peer: Peer): LinkClient {
    const endpoint = typeof peer.endpoint === 'string' ? parseHostPort(peer.endpoint) : peer.endpoint;
    const key = `${formatHostPort(endpoint)} ${toHex(peer.certHash)}`;
    const link = links.get(key) ?? createLinkClient({ endpoint, certHash: peer.certHash, identity, limits });
    links.delete(key);
    links.set(key, link);
    if (links.size > capacity) {
      const [oldest, unused] = links.entries().next().value as [string, LinkClient];
      links.delete(oldest);
      unused.close();
    }
    return link;
  }

  return {
    to: (service, peer) => find(peer).service(service),
    close() {
      for (const link of links.values()) link.close();
      links.clear();
    },
  };
}

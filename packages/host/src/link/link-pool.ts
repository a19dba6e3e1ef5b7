import type { DescService } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseRoutes } from '@ogong/protocol/exchange/routes';
import { formatHostPort, type HostPort, parseHostPort } from './host-port.ts';
import { createLinkClient, type LinkClient, type LinkClientOptions } from './link-client.ts';
import type { LinkIdentity, PeerId } from './link-identity.ts';
import type { LinkClientLimits } from './link-limits.ts';
import type { DialPolicy } from './public-address.ts';
import { createLadder } from './reach/ladder.ts';
import type { Puncher } from './reach/punch.ts';

/** Of a node that can be reached by a punched route alone. */
const NOWHERE: HostPort = { host: 'punched.invalid', port: 1 };

/** One link per peer that a daemon calls; the least recently used one is closed if there are too many. */
export interface LinkPool {
  /** @throws ProtocolError if the endpoint is malformed. */
  to<S extends DescService>(service: S, peer: Peer): Client<S>;
  close(): void;
}

export interface Peer {
  /** `host:port`, or already parsed; in a text also several routes, see parseRoutes. */
  readonly endpoint: string | HostPort;
  readonly certHash: PeerId;
}

export interface LinkPoolOptions extends Pick<LinkClientOptions, 'beforeCall'> {
  readonly identity: LinkIdentity;
  readonly limits?: Partial<LinkClientLimits>;
  /** Default: 256. */
  readonly capacity?: number;
  /** Default: punched routes are left out. */
  readonly puncher?: Puncher | undefined;
  /** For every peer outside `own`: a stranger may have named its address. */
  readonly dialPolicy: DialPolicy;
  /** Peers whose addresses the operator named: they are dialled wherever they are. */
  readonly own?: readonly Peer[];
}

const textOf = ({ endpoint }: Peer): string => (typeof endpoint === 'string' ? endpoint : formatHostPort(endpoint));
const nameOf = (peer: Peer): string => `${textOf(peer)} ${toHex(peer.certHash)}`;

export function createLinkPool({
  identity,
  limits = {},
  capacity = 256,
  puncher,
  beforeCall,
  dialPolicy,
  own = [],
}: LinkPoolOptions): LinkPool {
  const links = new Map<string, LinkClient>();
  const ownNames = new Set(own.map(nameOf));

  function openLink(endpoint: string, certHash: PeerId): LinkClient {
    const isOwn = ownNames.has(nameOf({ endpoint, certHash }));
    const ladder = createLadder(endpoint, certHash, { dialPolicy: isOwn ? 'any' : dialPolicy, puncher });
    const named = parseRoutes(endpoint).find(({ kind }) => kind !== 'punch');
    return createLinkClient({
      endpoint: named ? parseHostPort(named.at) : NOWHERE,
      ladder,
      certHash,
      ...{ identity, limits, beforeCall },
    });
  }

  function find(peer: Peer): LinkClient {
    const key = nameOf(peer);
    const link = links.get(key) ?? openLink(textOf(peer), peer.certHash);
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

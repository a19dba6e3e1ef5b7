import { ProtocolError } from '../base/bytes.ts';

/**
 * One route to a node. An endpoint's text lists its routes, best first (docs/spec/links.md#routes). The reached node has to
 * show the certificate that is listed beside the endpoint. So no route has to be trusted, least of all a relay's.
 */
export interface NodeRoute {
  readonly kind: 'direct' | 'punch' | 'relay';
  /**
   * The address, by kind. Direct: `host:port` of the node. Relay: `host:port` of the relay that it has registered with. Punch:
   * the key that the node listens under, 64 hex digits.
   */
  readonly at: string;
}

export const MAX_ROUTES = 4;
const PREFIXES = { direct: '', punch: 'punch/', relay: 'relay/' } as const;
/** The kinds of routes, best first. */
const ORDER: readonly NodeRoute['kind'][] = ['direct', 'punch', 'relay'];
const PUNCH_KEY = /^[0-9a-f]{64}$/;
const HOST_PORT = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9_.-]{1,253}):(?:[1-9]\d{0,4})$/;

/** Parses routes. @throws ProtocolError naming the text. */
export function parseRoutes(text: string): NodeRoute[] {
  const routes = text.split(',', MAX_ROUTES + 1).map(parseRoute);
  if (routes.length > MAX_ROUTES) throw malformed(text, `more than ${MAX_ROUTES} routes`);
  if (new Set(routes.map(formatRoute)).size < routes.length) throw malformed(text, 'a route stands there twice');
  const ranks = routes.map(({ kind }) => ORDER.indexOf(kind));
  if (ranks.some((rank, at) => rank < (ranks[at - 1] ?? 0))) {
    throw malformed(text, 'direct routes come first, and relays last');
  }
  return routes;
}

export const formatRoutes = (routes: readonly NodeRoute[]): string => routes.map(formatRoute).join(',');

const formatRoute = ({ kind, at }: NodeRoute): string => `${PREFIXES[kind]}${at}`;

function parseRoute(text: string): NodeRoute {
  const kind = (['punch', 'relay'] as const).find((name) => text.startsWith(PREFIXES[name])) ?? 'direct';
  const at = kind === 'direct' ? text.replace(/^https:\/\//, '') : text.slice(PREFIXES[kind].length);
  if (kind === 'punch') {
    if (!PUNCH_KEY.test(at)) throw malformed(text, 'expected punch/ and 64 hex digits');
    return { kind, at };
  }
  if (!HOST_PORT.test(at) || Number(/\d+$/.exec(at)?.[0]) > 65_535) {
    throw malformed(text, 'expected host:port or relay/host:port');
  }
  return { kind, at };
}

const malformed = (text: string, why: string): ProtocolError =>
  new ProtocolError('malformed', `not an endpoint: ${JSON.stringify(text.slice(0, 80))}; ${why}`);

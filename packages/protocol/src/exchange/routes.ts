import { ProtocolError } from '../base/bytes.ts';

/**
 * How a node is reached. An endpoint's text lists its routes, best first (docs/spec/links.md#routes). Whoever is reached by one of them
 * has to show the certificate that stands beside the endpoint. So no route has to be trusted, a relay's least of all.
 */
export interface NodeRoute {
  readonly kind: 'direct' | 'relay';
  /** `host:port`: of the node itself, or of the relay that it has registered with. */
  readonly at: string;
}

export const MAX_ROUTES = 4;
const RELAY = 'relay/';
const HOST_PORT = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9_.-]{1,253}):(?:[1-9]\d{0,4})$/;

/** @throws ProtocolError naming the text. */
export function parseRoutes(text: string): NodeRoute[] {
  const routes = text.split(',', MAX_ROUTES + 1).map(parseRoute);
  if (routes.length > MAX_ROUTES) throw malformed(text, `more than ${MAX_ROUTES} routes`);
  if (new Set(routes.map(formatRoute)).size < routes.length) throw malformed(text, 'a route stands there twice');
  const firstRelay = routes.findIndex(({ kind }) => kind === 'relay');
  if (firstRelay >= 0 && routes.slice(firstRelay).some(({ kind }) => kind === 'direct')) {
    throw malformed(text, 'direct routes come first');
  }
  return routes;
}

export const formatRoutes = (routes: readonly NodeRoute[]): string => routes.map(formatRoute).join(',');

const formatRoute = ({ kind, at }: NodeRoute): string => (kind === 'relay' ? `${RELAY}${at}` : at);

function parseRoute(text: string): NodeRoute {
  const kind = text.startsWith(RELAY) ? 'relay' : 'direct';
  const at = kind === 'relay' ? text.slice(RELAY.length) : text.replace(/^https:\/\//, '');
  if (!HOST_PORT.test(at) || Number(/\d+$/.exec(at)?.[0]) > 65_535) {
    throw malformed(text, 'expected host:port or relay/host:port');
  }
  return { kind, at };
}

const malformed = (text: string, why: string): ProtocolError =>
  new ProtocolError('malformed', `not an endpoint: ${JSON.stringify(text.slice(0, 80))}; ${why}`);

import type { ServedPlace } from '@ogong/host/dialect/unserved-paths';
import { GATEWAY_ROUTES, type Route } from '@ogong/protocol/http/routes';
import { LOCAL_ROUTES } from '@ogong/provider/local/local-server';

const ROUTES: Readonly<Record<ServedPlace, readonly Route[]>> = {
  'local mode': LOCAL_ROUTES,
  gateway: Object.values(GATEWAY_ROUTES),
};

/** A path of a document as a client calls it: its parameters have values. */
export const toPath = (path: string): string => path.replace(/\{[^}]+\}/g, 'x');

/** @param row `METHOD path`, as in a document. */
export function isServed(row: string, place: ServedPlace): boolean {
  const [method, path] = row.split(' ') as [string, string];
  return ROUTES[place].some((route) => route.method === method && toPattern(route).test(toPath(path)));
}

const toPattern = ({ path }: Route): RegExp =>
  new RegExp(`^${path.replace(/:[a-z]+(\{\.\+\})?/gi, (_, rest?: string) => (rest ? '.+' : '[^/]+'))}$`);

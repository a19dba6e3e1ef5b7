import type { Route } from '@ogong/protocol/http/routes';

interface Asked {
  readonly method: string;
  /** Without a query. */
  readonly path: string;
}

/** Beginnings of the paths of known APIs. A wrong base URL lacks one of them, or has one too many. */
const PREFIXES = ['', '/v1', '/api'];
/** Paths that other servers answer, and the paths that say the same here. */
const OTHER_NAMES: readonly (readonly [asked: RegExp, here: readonly string[]])[] = [
  [/^(?:\/v1|\/api)?\/(?:health|healthz|healthcheck|livez|readyz|ping|status)$/, ['/healthz', '/api/version']],
];
/** The most parts of a path that are compared with the routes. */
const MAX_PARTS = 8;

/**
 * Finds the route that a caller of an unknown path means: one with the same end, or with another name. A route for the caller's
 * method comes first.
 * @returns method and path, such as `POST /v1/chat/completions`.
 */
export function findNearRoute(routes: readonly Route[], { method, path }: Asked): string | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length === 0 || parts.length > MAX_PARTS) return undefined;
  const plain = `/${parts.join('/')}`;
  const others = OTHER_NAMES.flatMap(([asked, here]) => (asked.test(plain) ? here : []));
  const ends = parts.flatMap((_, i) => PREFIXES.map((prefix) => `${prefix}/${parts.slice(i).join('/')}`));
  for (const candidate of [...others, ...ends]) {
    const fitting = routes.filter((route) => coversPath(route, candidate));
    const found = fitting.find((route) => route.method === method) ?? fitting[0];
    if (found !== undefined) return `${found.method} ${candidate.slice(0, 200)}`;
  }
  return undefined;
}

/** A name for one part of a path stands for any text, a name for the rest for at least one part. */
function coversPath({ path }: Route, given: string): boolean {
  const [parts, asked] = [path.split('/'), given.split('/')];
  const isOpen = parts.at(-1)?.endsWith('{.+}') === true;
  if (isOpen ? asked.length < parts.length : asked.length !== parts.length) return false;
  return parts.every((part, i) => part.startsWith(':') || part === asked[i]);
}

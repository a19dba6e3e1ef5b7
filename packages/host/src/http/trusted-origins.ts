import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { onlyForPages } from './access.ts';
import { ApiError } from './api-error.ts';

/** Pages of desktop applications and of browser extensions, which no web site can be. The same as Ollama's. */
const APPLICATIONS = new Set([
  'app:',
  'file:',
  'tauri:',
  'vscode-webview:',
  'vscode-file:',
  'chrome-extension:',
  'moz-extension:',
  'safari-web-extension:',
]);

/** @param allowed origins besides those of this machine; `*` means all, and in an origin it stands for any characters. */
export function isTrustedOrigin(origin: string, allowed: readonly string[]): boolean {
  if (allowed.some((pattern) => isCovered(origin, pattern))) return true;
  const url = URL.parse(origin);
  if (url === null) return false;
  if (url.protocol === 'http:' || url.protocol === 'https:')
    return isLoopbackHost(url.hostname) || url.hostname === '0.0.0.0';
  return APPLICATIONS.has(url.protocol);
}

/** Compares an origin with a pattern of at most one `*`, as Ollama reads `http://192.168.*`. */
function isCovered(origin: string, pattern: string): boolean {
  const [before = '', after, ...more] = pattern.split('*');
  if (after === undefined) return origin === pattern;
  const isLong = origin.length >= before.length + after.length;
  return more.length === 0 && isLong && origin.startsWith(before) && origin.endsWith(after);
}

/** Any page in a browser can post to a port of this machine. Only pages that are trusted are answered. */
export const assertTrustedOrigin =
  (allowed: readonly string[]): MiddlewareHandler =>
  async ({ req }, next) => {
    const origin = req.header('origin');
    if (origin !== undefined && !isTrustedOrigin(origin, allowed)) {
      const message = `web pages of ${origin.slice(0, 100)} may not call this server; allow them with --origin`;
      throw new ApiError('forbidden_origin', message);
    }
    await next();
  };

const readHost = (header = ''): string => header.toLowerCase().replace(/:[0-9]+$/, '');

/** Names that no web site can have. */
const PRIVATE_NAME = /^[a-z0-9_-]+$|\.(?:localhost|local|lan|internal|home\.arpa)$/;
/**
 * Names that reverse proxies and containers send to a server on loopback. Public DNS has neither: no web site can be at such a name.
 * A device of the same network could take `ollama.local`. Its pages still name their origin with each request that changes or asks
 * anything, and such an origin is not trusted.
 */
const FORWARDED_NAMES: ReadonlySet<string> = new Set(['host.docker.internal', 'ollama.local']);
/** In a list of allowed hosts: all names that no web site can have. */
const LAN = 'lan';

export interface NameRules {
  /** Origins whose hosts are accepted, too; `*` accepts all on a server that is not on loopback. */
  readonly origins: readonly string[];
  /** Accepted names: `ollama.local`, all below `*.home.example`, `lan` for names that no web site can have, `*` for all. */
  readonly hosts?: readonly string[];
  /** Whether the server listens on loopback alone. Then few names besides localhost are accepted by themselves. */
  readonly isLoopback: boolean;
}

/**
 * A page can make its own name resolve to this machine. Its requests then carry no origin, but they carry that name. So a server
 * answers to names that it knows alone. An address is no name: no page can make it resolve to this machine.
 */
export function isOwnName(header: string | undefined, { origins, hosts = [], isLoopback }: NameRules): boolean {
  const host = readHost(header);
  if (host !== '' && hosts.some((allowed) => isAllowedName(host, allowed.toLowerCase()))) return true;
  if (isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0 || isLoopbackHost(host)) return true;
  if (origins.some((origin) => URL.parse(origin)?.hostname === host)) return true;
  if (isLoopback) return FORWARDED_NAMES.has(host);
  return origins.includes('*') || host === hostname().toLowerCase() || PRIVATE_NAME.test(host);
}

function isAllowedName(host: string, allowed: string): boolean {
  if (allowed === '*' || allowed === host) return true;
  if (allowed === LAN) return PRIVATE_NAME.test(host);
  const suffix = allowed.startsWith('*.') ? allowed.slice(1) : allowed;
  return suffix.startsWith('.') && host.endsWith(suffix) && host.length > suffix.length;
}

export const assertOwnName =
  (rules: NameRules): MiddlewareHandler =>
  async ({ req }, next) => {
    const header = req.header('host');
    if (!isOwnName(header, rules)) {
      const message = `this server does not answer to the name ${readHost(header).slice(0, 100)}; allow it with --allow-host`;
      throw new ApiError('forbidden_origin', message);
    }
    await next();
  };

/** For a server that listens on loopback alone and has no setting for other names. */
export const assertLoopbackName: MiddlewareHandler = async ({ req }, next) => {
  const host = readHost(req.header('host'));
  if (!isLoopbackHost(host)) {
    throw new ApiError('forbidden_origin', `this server answers to localhost, not to ${host.slice(0, 100)}`);
  }
  await next();
};

/** Lets trusted pages read the answers. @param headers that they may read. */
export const showToTrusted = (allowed: readonly string[], headers: readonly string[]): MiddlewareHandler =>
  onlyForPages(
    cors({
      origin: (origin) => (isTrustedOrigin(origin, allowed) ? origin : null),
      allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'],
      exposeHeaders: ['x-request-id', 'retry-after', ...headers],
      maxAge: 600,
    }),
  );

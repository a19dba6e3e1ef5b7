import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
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

/** @param allowed origins besides those of this machine; `*` means all. */
export function isTrustedOrigin(origin: string, allowed: readonly string[]): boolean {
  if (allowed.includes('*') || allowed.includes(origin)) return true;
  const url = URL.parse(origin);
  if (url === null) return false;
  if (url.protocol === 'http:' || url.protocol === 'https:')
    return isLoopbackHost(url.hostname) || url.hostname === '0.0.0.0';
  return APPLICATIONS.has(url.protocol);
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

/** A page can make its own name resolve to this machine, and then its requests carry no origin; but they carry that name. */
export const assertOwnHost: MiddlewareHandler = async ({ req }, next) => {
  const host = readHost(req.header('host'));
  if (!isLoopbackHost(host) && host !== '0.0.0.0' && host !== 'host.docker.internal') {
    const message = `this server answers to localhost, not to ${host.slice(0, 100)}; bind another address with --listen`;
    throw new ApiError('forbidden_origin', message);
  }
  await next();
};

/** Names that no web site can have. */
const PRIVATE_NAME = /^[a-z0-9_-]+$|\.(?:localhost|local|lan|internal|home\.arpa)$/;

/**
 * For a server that listens on other addresses too. An address is no name, so no page can make it resolve to this machine.
 * @param origins also accepted are the hosts of these; `*` accepts all.
 */
export function isOwnName(header: string | undefined, origins: readonly string[]): boolean {
  const host = readHost(header);
  if (origins.includes('*') || isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0) return true;
  if (isLoopbackHost(host) || host === hostname().toLowerCase() || PRIVATE_NAME.test(host)) return true;
  return origins.some((origin) => URL.parse(origin)?.hostname === host);
}

export const assertOwnName =
  (origins: readonly string[]): MiddlewareHandler =>
  async ({ req }, next) => {
    const header = req.header('host');
    if (!isOwnName(header, origins)) {
      const message = `this server does not answer to the name ${readHost(header).slice(0, 100)}; allow it with --origin`;
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
  cors({
    origin: (origin) => (isTrustedOrigin(origin, allowed) ? origin : null),
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'],
    exposeHeaders: ['x-request-id', 'retry-after', ...headers],
    maxAge: 600,
  });

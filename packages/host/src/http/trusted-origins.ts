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

/** A page can make its own name resolve to this machine, and then its requests carry no origin; but they carry that name. */
export const assertOwnHost: MiddlewareHandler = async ({ req }, next) => {
  const host = (req.header('host') ?? '').replace(/:[0-9]+$/, '');
  if (!isLoopbackHost(host) && host !== '0.0.0.0' && host !== 'host.docker.internal') {
    const message = `this server answers to localhost, not to ${host.slice(0, 100)}; bind another address with --listen`;
    throw new ApiError('forbidden_origin', message);
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

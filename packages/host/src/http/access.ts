import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { ApiError } from './api-error.ts';

/** Headers of answers that pages may read. */
const SHOWN = [
  ...['x-request-id', 'request-id', 'retry-after'],
  ...['limit', 'remaining', 'reset'].flatMap((what) => [`x-ratelimit-${what}-requests`, `x-ratelimit-${what}-tokens`]),
  ...['x-ogong-receipt', 'x-ogong-ignored', 'x-ogong-clamped', 'x-ogong-token-count'],
];

/**
 * Leaves a handler of pages out for other clients. Only a page names its origin with a POST, and no cache keeps the answer. Without an
 * origin such an answer needs no headers for pages, which cost it two more responses.
 */
export const onlyForPages =
  (answerPages: MiddlewareHandler): MiddlewareHandler =>
  (context, next) =>
    context.req.method === 'POST' && context.req.header('origin') === undefined ? next() : answerPages(context, next);

/** Lets the pages of some origins call; `*` means all. */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  return onlyForPages(
    cors({
      origin: (origin) => (origins.includes('*') || origins.includes(origin) ? origin : null),
      allowMethods: ['GET', 'POST'],
      exposeHeaders: SHOWN,
      maxAge: 600,
    }),
  );
}

/** A web page can make its own name resolve to this machine, but then the host header carries that name. */
export function assertLoopbackHost({ req }: Context): void {
  if (isLoopbackHost((req.header('host') ?? '').replace(/:[0-9]+$/, ''))) return;
  throw new ApiError('invalid_request', 'This server is for localhost only; start it with API keys to serve others.');
}

import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { Route } from '@ogong/protocol/http/routes';
import { createApiApp, mountRoutes } from '../http/api-app.ts';
import { createHttpServer, type HttpServer } from '../http/http-server.ts';
import { assertLoopbackName } from '../http/trusted-origins.ts';
import type { HostPort } from '../link/host-port.ts';
import { type Metrics, readMetrics } from './metrics.ts';

export interface Health {
  readonly ok: boolean;
  /** Shown to every caller; never secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface MetricsServerOptions {
  /** Loopback only: the metrics show load and money, and the server does not authenticate its readers. */
  readonly bind: HostPort;
  readonly metrics: Metrics;
  readonly health?: () => Health;
}

export class MetricsBindError extends Error {
  override readonly name = 'MetricsBindError';
  readonly code = 'usage';
  readonly retryable = false;

  constructor(host: string) {
    super(`metrics are served on this machine only: bind them to 127.0.0.1 or [::1], not ${host}`);
  }
}

const ROUTES = {
  health: { method: 'GET', path: '/healthz' },
  metrics: { method: 'GET', path: '/metrics' },
  replies: { method: 'GET', path: '/replies' },
  reply: { method: 'GET', path: '/replies/:id' },
} as const satisfies Readonly<Record<string, Route>>;

const FRESH = { 'cache-control': 'no-store' };
const HEADERS_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 64;
/** Ids in one answer. */
const MAX_LISTED = 100;

/** @throws MetricsBindError */
export function createMetricsServer({
  bind,
  metrics,
  health = () => ({ ok: true }),
}: MetricsServerOptions): HttpServer {
  if (!isLoopbackHost(bind.host)) throw new MetricsBindError(bind.host);
  const { registry, steps } = metrics;
  const app = createApiApp();
  app.use(assertLoopbackName);
  mountRoutes(app, ROUTES, {
    health(context) {
      const { ok, detail } = health();
      return context.json({ ok, ...detail }, ok ? 200 : 503, FRESH);
    },
    metrics: async (context) =>
      context.body(await readMetrics(metrics), 200, { 'content-type': registry.contentType, ...FRESH }),
    replies: (context) => context.json({ replies: steps.newest().slice(0, MAX_LISTED) }, 200, FRESH),
    reply: (context) => context.json({ steps: steps.find(context.req.param('id') ?? '') }, 200, FRESH),
  });
  return createHttpServer(app, { bind, headersTimeoutMs: HEADERS_TIMEOUT_MS, maxConnections: MAX_CONNECTIONS });
}

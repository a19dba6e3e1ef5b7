import { createServer, type ServerResponse } from 'node:http';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { type HttpDoor, openAt } from '../http/http-door.ts';
import type { Metrics } from './metrics.ts';

export interface Health {
  readonly ok: boolean;
  /** For whoever looks; never secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface MetricsServerOptions {
  /** Loopback only: figures tell a stranger about load and money, and nothing here asks who is reading. */
  readonly bind: { readonly host: string; readonly port: number };
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

export function createMetricsServer({ bind, metrics, health = () => ({ ok: true }) }: MetricsServerOptions): HttpDoor {
  if (!isLoopbackHost(bind.host)) throw new MetricsBindError(bind.host);

  const server = createServer((request, response) => {
    if (request.method !== 'GET') return send(response, 405, 'text/plain', 'method not allowed\n');
    if (request.url === '/healthz') {
      const { ok, detail } = health();
      return send(response, ok ? 200 : 503, 'application/json', `${JSON.stringify({ ok, ...detail })}\n`);
    }
    if (request.url !== '/metrics') return send(response, 404, 'text/plain', 'not found\n');
    metrics.registry.metrics().then(
      (text) => send(response, 200, metrics.registry.contentType, text),
      () => send(response, 500, 'text/plain', 'a metric could not be read\n'),
    );
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 5000;

  return openAt(bind, server);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}

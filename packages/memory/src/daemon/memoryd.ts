import { randomBytes } from 'node:crypto';
import type { BodyLimits } from '@ogong/host/http/body';
import { createHttpServer, type HttpServer } from '@ogong/host/http/http-server';
import type { HostPort } from '@ogong/host/link/host-port';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { createMemoryHandlers } from '../api/memory-handlers.ts';
import { createMemoryService } from '../memory-service.ts';
import type { MemoryModels } from '../models/memory-models.ts';
import type { MemoryStore } from '../store/memory-store.ts';
import { createKeySignIn } from './key-sign-in.ts';
import { createMemoryApp } from './memory-app.ts';
import type { MemoryKeys } from './memory-keys.ts';

export interface MemorydOptions {
  readonly bind: HostPort;
  readonly maxConnections: number;
  /** Connections of one address without a key. */
  readonly maxConnectionsPerAddress: number;
  readonly bodyLimits: BodyLimits;
  readonly origins: readonly string[];
  readonly hosts: readonly string[];
}

export interface MemorydParts {
  readonly store: MemoryStore;
  readonly keys: Omit<MemoryKeys, 'rotate'>;
  readonly models: MemoryModels;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'debug' | 'warn' | 'error'>;
  readonly metrics: Metrics;
}

export class MemorydError extends Error {
  override readonly name = 'MemorydError';
  readonly code = 'usage';
  readonly retryable = false;
}

const HEADERS_TIMEOUT_MS = 10_000;
const GRACE_MS = 5_000;

/** The API of memories behind a port. Logs and metrics have names of routes, codes and times, and no texts. */
export function createMemoryd(options: MemorydOptions, parts: MemorydParts): HttpServer {
  const { bind, maxConnections, maxConnectionsPerAddress, bodyLimits, origins, hosts } = options;
  const { store, keys, models, clock, log, metrics } = parts;
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const signIn = createKeySignIn(keys, createMemoryService({ store, models, clock, random }));
  const handlers = createMemoryHandlers({ require: signIn.require, clock: monotonicClock, bodyLimits });
  const answered = metrics.counter('memory_requests_total', 'Requests of the API of memories', ['route', 'status']);
  const durations = metrics.histogram('memory_request_seconds', 'Times of requests of the API of memories', ['route']);
  const isLoopback = isLoopbackHost(bind.host);
  const app = createMemoryApp(
    {
      ...{ origins, hosts, isLoopback },
      onFailure: (err, requestId) => log.error({ err, requestId }, 'a request failed'),
      onAnswered(request) {
        answered.inc({ route: request.route, status: String(request.status) });
        durations.observe({ route: request.route }, request.durationMs / 1000);
        log.debug(request, 'answered');
      },
    },
    handlers,
  );
  const server = createHttpServer(app, {
    ...{ bind, headersTimeoutMs: HEADERS_TIMEOUT_MS, maxConnections, maxConnectionsPerAddress },
  });
  return {
    async start() {
      if (await signIn.start()) assertStaysHere(isLoopback, log);
      await server.start();
    },
    stop: (graceMs = GRACE_MS) => server.stop(graceMs),
    address: server.address,
  };
}

/** @throws MemorydError if a network could read the memories without a key. */
function assertStaysHere(isLoopback: boolean, log: Pick<Logger, 'warn'>): void {
  if (!isLoopback)
    throw new MemorydError(
      'without an API key memories are served to this machine only: add one with `ogong-memoryd key add`, or bind to 127.0.0.1',
    );
  log.warn('no API key is set: every program on this machine can read the memories');
}

import { randomBytes } from 'node:crypto';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { assertLoopbackOrigin } from '@ogong/host/http/access';
import { type ApiApp, createApiApp, mountRoutes } from '@ogong/host/http/api-app';
import { ApiError, toErrorBody } from '@ogong/host/http/api-error';
import { createHttpServer, type HttpServer } from '@ogong/host/http/http-server';
import type { HostPort } from '@ogong/host/link/host-port';
import type { Logger } from '@ogong/host/log/logger';
import type { Clock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { GATEWAY_ROUTES, type Route } from '@ogong/protocol/http/routes';
import type { LocalCall, LocalModel } from './local-model.ts';
import { createOllamaHandlers, OLLAMA_ROUTES } from './ollama-api.ts';
import { createOpenAiHandlers } from './openai-api.ts';

export interface LocalServerOptions {
  readonly listen: HostPort;
  readonly models: readonly LocalModel[];
}

interface LocalServerDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error'>;
}

const HEADERS_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 256;

/** OpenAI's and Ollama's API on one port of this machine. */
export function createLocalServer(
  { listen, models }: LocalServerOptions,
  dependencies: LocalServerDependencies,
): HttpServer {
  return createHttpServer(createLocalApp(models, dependencies), {
    bind: listen,
    headersTimeoutMs: HEADERS_TIMEOUT_MS,
    maxConnections: MAX_CONNECTIONS,
  });
}

function createLocalApp(models: readonly LocalModel[], { crypto, clock, log }: LocalServerDependencies): ApiApp {
  const app = createApiApp({
    explain: explainEngineError,
    formatError: (error, { req }) => (req.path.startsWith('/api/') ? { error: error.message } : toErrorBody(error)),
    onFailure: (err, requestId) => log.error({ err, requestId }, 'a request failed'),
  });
  app.use(async (context, next) => {
    assertLoopbackOrigin(context);
    await next();
  });
  const call: LocalCall = { crypto, clock, models, randomBytes: (length) => new Uint8Array(randomBytes(length)) };
  const { chat, completion, models: list } = GATEWAY_ROUTES;
  mountRoutes(app, { chat, completion, models: list }, createOpenAiHandlers(call));
  mountRoutes(app, OLLAMA_ROUTES, createOllamaHandlers(call));
  mountRoutes(app, ROOT, { root: (context) => context.text('Ollama is running') });
  return app;
}

/** Clients of Ollama look here whether it runs. */
const ROOT = { root: { method: 'GET', path: '/' } } as const satisfies Readonly<Record<string, Route>>;

function explainEngineError(error: unknown): ApiError | undefined {
  if (!(error instanceof EngineError)) return undefined;
  const { code, message } = error;
  const options = { cause: error, publicCode: code };
  if (code === 'invalid-request' || code === 'prompt-too-long')
    return new ApiError('invalid_request', message, options);
  const passes = error.retryable || code === 'overloaded';
  return passes ? new ApiError('engine_unavailable', message, options) : undefined;
}

import { randomBytes } from 'node:crypto';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { nameAnthropicRequest } from '@ogong/host/dialect/anthropic/anthropic-call';
import { formatDialectError } from '@ogong/host/dialect/error-body';
import { explainUnserved } from '@ogong/host/dialect/unserved-paths';
import { type ApiApp, createApiApp, type Handler, mountRoutes } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { createHttpServer, type HttpServer } from '@ogong/host/http/http-server';
import { createOverflowError } from '@ogong/host/http/overflow-error';
import { createPictureFetcher, type PictureFetcher } from '@ogong/host/http/picture-fetch';
import { assertOwnName, assertTrustedOrigin, showToTrusted } from '@ogong/host/http/trusted-origins';
import type { HostPort } from '@ogong/host/link/host-port';
import type { Logger } from '@ogong/host/log/logger';
import { CLAMPED_HEADER, IGNORED_HEADER } from '@ogong/host/openai/answer-headers';
import type { Clock } from '@ogong/host/time/clock';
import { ModelError } from '@ogong/models/model-error';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  DIALECT_ROUTES,
  GATEWAY_ROUTES,
  INFERENCE_ROUTES,
  RECEIPT_HEADER,
  type Route,
} from '@ogong/protocol/http/routes';
import type { LoadedModels } from '../engine/loaded-models.ts';
import { createDialectHandlers } from './dialect-api.ts';
import type { LocalCall } from './local-model.ts';
import { createLocalReceipts } from './local-receipts.ts';
import { MACHINE_ROUTES, showMachine } from './machine.ts';
import type { ModelLibrary } from './model-library.ts';
import type { ModelShelf } from './model-shelf.ts';
import { createOllamaHandlers, OLLAMA_ROUTES } from './ollama/routes.ts';
import { createOpenAiHandlers } from './openai-api.ts';
import { createPageHandlers, PAGE_ROUTES, wantsPage } from './page.ts';
import { INSTANCE_HEADER } from './server-note.ts';
import { createSpeedMeter } from './speed-meter.ts';

export interface LocalServerOptions {
  readonly listen: HostPort;
  /** Web pages that may call, besides those of this machine. */
  readonly origins?: readonly string[];
  /** Names that the server answers to, besides localhost and addresses. */
  readonly hosts?: readonly string[];
  /** Names this run of the server in its answers. */
  readonly instance?: string;
}

export interface LocalServerDependencies {
  readonly shelf: ModelShelf;
  readonly library: ModelLibrary;
  readonly loaded: LoadedModels;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error'>;
  /** Default: fetches pictures from public addresses. */
  readonly pictures?: PictureFetcher;
}

const { models, model, receipt } = GATEWAY_ROUTES;
const OPENAI_ROUTES = { ...INFERENCE_ROUTES, models, model, receipt };

/**
 * All that this server answers.
 * @internal the page of endpoints and its test compare the documents' paths with it.
 */
export const LOCAL_ROUTES: readonly Route[] = [
  ...[OPENAI_ROUTES, DIALECT_ROUTES, PAGE_ROUTES, MACHINE_ROUTES, OLLAMA_ROUTES].flatMap((routes) =>
    Object.values<Route>(routes),
  ),
];

const HEADERS_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 256;

/** OpenAI's and Ollama's API on one port of this machine. */
export function createLocalServer(options: LocalServerOptions, dependencies: LocalServerDependencies): HttpServer {
  return createHttpServer(createLocalApp(options, dependencies), {
    bind: options.listen,
    headersTimeoutMs: HEADERS_TIMEOUT_MS,
    maxConnections: MAX_CONNECTIONS,
  });
}

/** The API without a port. */
export function createLocalApp(
  { listen, origins = [], hosts = [], instance }: LocalServerOptions,
  { log, pictures = createPictureFetcher(), ...dependencies }: LocalServerDependencies,
): ApiApp {
  const app = createApiApp({
    explain: explainModelFailure,
    formatError: formatDialectError,
    onFailure: (err, requestId) => log.error({ err, requestId }, 'a request failed'),
  });
  if (instance !== undefined) {
    app.use(async (context, next) => {
      context.header(INSTANCE_HEADER, instance);
      await next();
    });
  }
  app.use(nameAnthropicRequest);
  app.use(assertOwnName({ origins, hosts, isLoopback: isLoopbackHost(listen.host) }));
  app.use(assertTrustedOrigin(origins));
  app.use(explainUnserved('local mode'));
  app.use(showToTrusted(origins, [IGNORED_HEADER, CLAMPED_HEADER, RECEIPT_HEADER]));
  const call: LocalCall = {
    ...dependencies,
    pictures,
    receipts: createLocalReceipts(),
    speeds: createSpeedMeter(),
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
  };
  mountRoutes(app, OPENAI_ROUTES, createOpenAiHandlers(call));
  mountRoutes(app, DIALECT_ROUTES, createDialectHandlers(call));
  const { page, ...files } = createPageHandlers();
  mountRoutes(app, PAGE_ROUTES, files);
  mountRoutes(app, MACHINE_ROUTES, { machine: (context) => showMachine(context, call) });
  const ollama = createOllamaHandlers(call);
  const root: Handler = (context) => (wantsPage(context) ? page(context) : ollama.root(context));
  mountRoutes(app, OLLAMA_ROUTES, { ...ollama, root });
  return app;
}

function explainModelFailure(error: unknown): ApiError | undefined {
  if (error instanceof ModelError) {
    const code =
      error.code === 'not-found' || error.code === 'bad-reference' ? 'model_not_found' : 'engine_unavailable';
    return new ApiError(code, error.message, { cause: error, publicCode: error.code });
  }
  if (!(error instanceof EngineError)) return undefined;
  const { code, message } = error;
  const options = { cause: error, publicCode: code };
  if (code === 'prompt-too-long') return createOverflowError(message, { code: 'invalid_request', cause: error });
  if (code === 'invalid-request') return new ApiError('invalid_request', message, options);
  const isLocal = code === 'not-enough-memory' || code === 'model-corrupt' || code === 'unsupported-model';
  const passes = error.retryable || code === 'overloaded';
  return passes || isLocal ? new ApiError('engine_unavailable', message, options) : undefined;
}

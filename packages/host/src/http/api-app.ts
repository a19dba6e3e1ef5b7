import { randomUUID } from 'node:crypto';
import type { Route } from '@ogong/protocol/http/routes';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { monotonicClock } from '../time/clock.ts';
import { ApiError, toApiError, toErrorBody } from './api-error.ts';
import type { ServerBindings } from './http-server.ts';
import { findNearRoute } from './near-route.ts';

/** Values that every handler gets besides the request. */
interface ApiEnv {
  Bindings: ServerBindings;
  Variables: {
    requestId: string;
    /** Name of the route that answers, for the metrics; undefined if there is none. */
    route: string | undefined;
    /** An error as the client may see it; an unexpected error is logged. */
    explain: (error: unknown) => ApiError;
    /** See `getCallSignal`; undefined until it is asked for. */
    callSignal: AbortSignal | undefined;
  };
}

export type ApiContext = Context<ApiEnv>;
export type Handler = (context: ApiContext) => Response | Promise<Response>;
export type ApiApp = Hono<ApiEnv>;
export type ApiMiddleware = MiddlewareHandler<ApiEnv>;

export interface AnsweredRequest {
  readonly requestId: string;
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

export interface ApiAppOptions {
  /** Errors that need another answer than that of `toApiError`. */
  readonly explain?: (error: unknown) => ApiError | undefined;
  /** The body of an error. Default: OpenAI's. */
  readonly formatError?: (error: ApiError, context: ApiContext) => object;
  /** Called with every unexpected failure. */
  readonly onFailure?: (error: unknown, requestId: string) => void;
  /** Called once the response is out, or the client gone. */
  readonly onAnswered?: (request: AnsweredRequest) => void;
}

/** An app that answers errors, unknown paths and wrong methods in one form. */
export function createApiApp(options: ApiAppOptions = {}): ApiApp {
  const { formatError = toErrorBody, onFailure, onAnswered } = options;
  const app = new Hono<ApiEnv>();

  function explain(error: unknown, context: ApiContext): ApiError {
    const shown = options.explain?.(error) ?? toApiError(error);
    const hasLeft = context.req.raw.signal.aborted;
    if (shown.code === 'internal_error' && !hasLeft) onFailure?.(shown.cause ?? error, context.get('requestId'));
    return shown;
  }

  app.use(async (context, next) => {
    const requestId = randomUUID();
    context.set('requestId', requestId);
    context.set('explain', (error) => explain(error, context));
    context.header('x-request-id', requestId);
    if (onAnswered) watchResponse(context, onAnswered);
    assertWellEncoded(context.req.url);
    await next();
    endUnreadRequest(context);
  });
  app.notFound((context) => {
    const { method, path } = context.req;
    const near = findNearRoute(MOUNTED.get(app) ?? [], { method, path });
    const advice = near === undefined ? '' : `; use ${near}`;
    const error = new ApiError('not_found', `Unknown request URL: ${method} ${path.slice(0, 200)}${advice}.`, {
      publicCode: 'unknown_url',
    });
    return respondWithError(context, error, formatError);
  });
  app.onError((error, context) => respondWithError(context, explain(error, context), formatError));
  return app;
}

/** The routes of each app, for those who ask beside them. */
const MOUNTED = new WeakMap<ApiApp, Route[]>();

/** Gives every route of a table its handler, and every other method on those paths its refusal. */
export function mountRoutes<Name extends string>(
  app: ApiApp,
  routes: Readonly<Record<Name, Route>>,
  handlers: Readonly<Record<Name, Handler>>,
): void {
  const allowed = new Map<string, string[]>();
  MOUNTED.set(app, [...(MOUNTED.get(app) ?? []), ...Object.values<Route>(routes)]);
  for (const name of Object.keys(routes) as Name[]) {
    const { method, path } = routes[name];
    allowed.set(path, [...(allowed.get(path) ?? []), method]);
    app.on(method, path, (context) => {
      context.set('route', name);
      return handlers[name](context);
    });
  }
  for (const [path, methods] of allowed) {
    app.all(path, (context) => {
      context.header('allow', methods.join(', '));
      throw new ApiError('method_not_allowed', `Not allowed here: ${context.req.method}. Use ${methods.join(' or ')}.`);
    });
  }
}

/** Aborted when the client is gone or the server stops. A call has one such signal, because each costs time. */
export function getCallSignal(context: ApiContext): AbortSignal {
  const known = context.get('callSignal');
  if (known !== undefined) return known;
  const signal = openCallSignal(context);
  context.set('callSignal', signal);
  return signal;
}

/** Listens to both signals, which costs a fraction of `AbortSignal.any`. The listener at the server's signal ends with the response. */
function openCallSignal({ req, env: { stopping, outgoing } }: ApiContext): AbortSignal {
  const gone = req.raw.signal;
  if (stopping === undefined) return gone;
  if (outgoing === undefined || outgoing.closed || gone.aborted || stopping.aborted)
    return AbortSignal.any([gone, stopping]);
  const call = new AbortController();
  const stop = (): void => call.abort(stopping.reason);
  gone.addEventListener('abort', () => call.abort(gone.reason), { once: true });
  stopping.addEventListener('abort', stop, { once: true });
  outgoing.once('close', () => stopping.removeEventListener('abort', stop));
  return call.signal;
}

function respondWithError(
  context: ApiContext,
  error: ApiError,
  formatError: NonNullable<ApiAppOptions['formatError']>,
): Response {
  if (error.retryAfterS !== undefined) context.header('retry-after', String(error.retryAfterS));
  if (error.code === 'invalid_api_key') context.header('www-authenticate', 'Bearer');
  endUnreadRequest(context);
  return context.json(formatError(error, context), error.status as ContentfulStatusCode);
}

/** The rest of a body is not read. So the connection can carry no other request, and does not wait for the rest. */
function endUnreadRequest(context: ApiContext): void {
  if (context.env.incoming?.complete === false) context.header('connection', 'close');
}

/** Otherwise bytes that are not UTF-8 would reach the handlers unchecked. */
function assertWellEncoded(url: string): void {
  try {
    decodeURIComponent(new URL(url).pathname);
  } catch (cause) {
    throw new ApiError('invalid_request', 'The URL is not well encoded.', { cause });
  }
}

function watchResponse(context: ApiContext, onAnswered: (request: AnsweredRequest) => void): void {
  const { outgoing } = context.env;
  const startedMs = monotonicClock.nowMs();
  outgoing?.once('close', () =>
    onAnswered({
      requestId: context.get('requestId'),
      method: context.req.method,
      route: context.get('route') ?? 'other',
      status: outgoing.statusCode,
      durationMs: monotonicClock.nowMs() - startedMs,
    }),
  );
}

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { addressOf, listen } from '@ogong/host/link/listen';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { type ErrorBody, GatewayError, toErrorBody, toGatewayError } from './gateway-error.ts';

/** One request and its response, as handlers see them. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** What the route's pattern captured, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Aborted when the client is gone or the server stops. */
  readonly signal: AbortSignal;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Matches the whole path; named groups become params. */
  readonly path: RegExp;
  readonly handle: (exchange: Exchange) => Promise<void>;
}

export interface HttpServerOptions {
  readonly bind: { readonly host: string; readonly port: number };
  readonly maxConnections: number;
  readonly headersTimeoutMs: number;
  /** Origins that browsers may call from; `*` for all. */
  readonly origins: readonly string[];
  /** Whether only requests that are addressed to this machine are answered. */
  readonly isLoopbackOnly: boolean;
}

export interface HttpServer {
  start(): Promise<void>;
  /** Lets running exchanges end, at most for the grace period, then aborts them. */
  stop(graceMs: number): Promise<void>;
  address(): { readonly host: string; readonly port: number };
}

export interface AnsweredExchange {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
}

export interface HttpServerDependencies {
  readonly routes: readonly Route[];
  readonly onExchange?: (exchange: AnsweredExchange) => void;
  readonly onError?: (error: unknown, requestId: string) => void;
}

const EXPOSED = 'x-request-id, x-ogong-receipt, retry-after';

export function createHttpServer(options: HttpServerOptions, dependencies: HttpServerDependencies): HttpServer {
  const { routes, onExchange = () => {}, onError = () => {} } = dependencies;
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();

  const server = createServer({
    headersTimeout: options.headersTimeoutMs,
    // Bodies have a timeout of their own, answered in OpenAI's words; this one only backs it up.
    requestTimeout: 0,
    keepAliveTimeout: 10_000,
    maxHeaderSize: 16 * 1024,
    connectionsCheckingInterval: Math.min(1_000, options.headersTimeoutMs),
  });
  server.maxConnections = options.maxConnections;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const requestId = randomUUID();
    response.setHeader('x-request-id', requestId);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const { pathname, searchParams } = parseTarget(request.url);
    try {
      allowOrigin(request, response, options.origins);
      if (options.isLoopbackOnly) assertLoopback(request);
      if (request.method === 'OPTIONS') return void response.writeHead(204).end();
      const { route, params } = findRoute(routes, request.method ?? '', pathname, response);
      const signal = AbortSignal.any([gone.signal, stopping.signal]);
      await route.handle({ request, response, requestId, params, query: searchParams, signal });
    } catch (error) {
      const shown = toGatewayError(error);
      if (shown.code === 'internal_error' && !gone.signal.aborted) onError(shown.cause ?? error, requestId);
      sendError(response, shown);
    } finally {
      const durationMs = performance.now() - started;
      onExchange({
        requestId,
        method: request.method ?? '',
        path: pathname,
        status: response.statusCode,
        durationMs,
      });
    }
  }

  server.on('request', (request, response) => {
    const exchange = answer(request, response).finally(() => running.delete(exchange));
    running.add(exchange);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') return socket.destroy();
    const [status, failure] = toClientError(error);
    const body = JSON.stringify(toErrorBody(failure));
    socket.end(
      `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  });

  return {
    start: () => listen(server, options.bind),
    async stop(graceMs) {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const timer = setTimeout(() => stopping.abort(), graceMs);
      await Promise.all(running);
      clearTimeout(timer);
      server.closeAllConnections();
      await closed;
    },
    address: () => addressOf(server),
  };
}

/** Never throws: a target that is no URL, such as `//`, stands for itself and is found nowhere. */
function parseTarget(target = '/'): Pick<URL, 'pathname' | 'searchParams'> {
  const url = URL.parse(target, 'http://gateway.invalid');
  return url ?? { pathname: target, searchParams: new URLSearchParams() };
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

function sendError(response: ServerResponse, error: GatewayError): void {
  if (response.headersSent) return void response.end();
  if (error.retryAfterS !== undefined) response.setHeader('retry-after', String(error.retryAfterS));
  if (error.code === 'invalid_api_key') response.setHeader('www-authenticate', 'Bearer');
  // What is left of the body is not read, so the connection cannot carry another request.
  if (!response.req.complete) response.setHeader('connection', 'close');
  const body: ErrorBody = toErrorBody(error);
  sendJson(response, error.status, body);
}

function findRoute(routes: readonly Route[], method: string, path: string, response: ServerResponse) {
  const allowed: string[] = [];
  for (const route of routes) {
    const match = route.path.exec(path);
    if (match === null) continue;
    if (route.method === method) return { route, params: decodeParams(match.groups ?? {}) };
    allowed.push(route.method);
  }
  if (allowed.length === 0) {
    throw new GatewayError('not_found', `Unknown request URL: ${method} ${path.slice(0, 200)}.`, {
      publicCode: 'unknown_url',
    });
  }
  response.setHeader('allow', allowed.join(', '));
  throw new GatewayError('method_not_allowed', `Not allowed here: ${method}. Use ${allowed.join(' or ')}.`);
}

function decodeParams(groups: Readonly<Record<string, string>>): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch (cause) {
    throw new GatewayError('invalid_request', 'The URL is not well encoded.', { cause });
  }
}

function allowOrigin(request: IncomingMessage, response: ServerResponse, origins: readonly string[]): void {
  const { origin } = request.headers;
  if (origin === undefined || !(origins.includes('*') || origins.includes(origin))) return;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('vary', 'origin');
  response.setHeader('access-control-expose-headers', EXPOSED);
  if (request.method !== 'OPTIONS') return;
  response.setHeader('access-control-allow-methods', 'GET, POST');
  response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '');
  response.setHeader('access-control-max-age', '600');
}

/** A page may make its own name resolve to this machine; the host header still says that name. */
function assertLoopback({ headers }: IncomingMessage): void {
  if (isLoopbackHost((headers.host ?? '').replace(/:[0-9]+$/, ''))) return;
  throw new GatewayError(
    'invalid_request',
    'This gateway serves localhost only; start it with API keys to serve others.',
  );
}

function toClientError({ code }: NodeJS.ErrnoException): [status: string, error: GatewayError] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return ['431 Request Header Fields Too Large', new GatewayError('invalid_request', 'The headers are too large.')];
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return ['408 Request Timeout', new GatewayError('request_timeout', 'The request did not arrive in time.')];
  }
  return ['400 Bad Request', new GatewayError('invalid_request', 'This is not HTTP/1.1.')];
}

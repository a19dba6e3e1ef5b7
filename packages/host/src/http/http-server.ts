import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import type { HostPort } from '../link/host-port.ts';
import { addressOf, listen } from '../link/listen.ts';
import { ApiError, toErrorBody } from './api-error.ts';
import { createHttpPlaces, type HttpPlaceLimits } from './http-places.ts';

/** Properties of the server that a handler may use; all absent if an app is called without a server, as in tests. */
export interface ServerBindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
  /** Aborted when a server that stops has waited long enough. */
  readonly stopping?: AbortSignal;
  /** Work that continues after a response; a stopping server waits for it. */
  readonly waitUntil?: (work: Promise<unknown>) => void;
  /** The caller of this request showed a key: its connection keeps its place while strangers crowd in. */
  readonly welcome?: () => void;
}

export interface HttpServerOptions extends HttpPlaceLimits {
  readonly bind: HostPort;
  readonly headersTimeoutMs: number;
  /** How long a client that is still sending has to read its answer, before it is cut off. Default: 1,000. */
  readonly lingerMs?: number;
  /** PEM. Default: HTTP without TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface HttpServer {
  /** @throws the system's error if the address cannot be bound. */
  start(): Promise<void>;
  /** Lets running exchanges end, at most for the grace period, then aborts them. Default: none. */
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
}

/** An app behind a port. Serves an app at a port. The reader of a body sets its timeout. */
export function createHttpServer(
  app: { fetch(request: Request, bindings: ServerBindings): Response | Promise<Response> },
  options: HttpServerOptions,
): HttpServer {
  const stopping = new AbortController();
  const exchanges = new Set<Promise<unknown>>();
  const work = new Set<Promise<unknown>>();

  const { tls, headersTimeoutMs, lingerMs = 1_000 } = options;
  const settings = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: IDLE_MS,
    maxHeaderSize: 16 * 1024,
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
  };
  const server =
    tls === undefined
      ? createServer(settings)
      : createTlsServer({ ...settings, ...tls, minVersion: 'TLSv1.3', handshakeTimeout: headersTimeoutMs });
  const places = createHttpPlaces(options);
  // The places decide which connections stay; this bounds those that are not closed yet.
  server.maxConnections = 2 * options.maxConnections;
  server.on(tls === undefined ? 'connection' : 'secureConnection', places.enter);

  const waitUntil = (one: Promise<unknown>): void => keepUntilSettled(work, one);
  const answer = getRequestListener(
    async (request, { incoming, outgoing }) => {
      const welcome = () => places.welcome(incoming.socket as Socket);
      const bindings = { incoming, outgoing, stopping: stopping.signal, waitUntil, welcome } as ServerBindings;
      const response = app.fetch(request, bindings);
      if (response instanceof Promise) waitUntil(response);
      return response;
    },
    { overrideGlobalObjects: false, hostname: 'unnamed.invalid', errorHandler: () => createNoTarget() },
  );
  server.on('request', (incoming, outgoing) => {
    keepUntilSettled(exchanges, new Promise((resolve) => outgoing.once('close', resolve)));
    outgoing.once('close', places.begin(incoming.socket));
    outgoing.once('prefinish', () => {
      if (!incoming.complete) closeGently(incoming.socket, lingerMs);
    });
    void answer(incoming, outgoing);
  });
  server.on('clientError', refuseMalformed);
  // Node leaves a connection open if its handshake is too slow, and a peer that speaks no TLS can receive no message.
  if (tls !== undefined) server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());

  return {
    start: () => listen(server, options.bind),
    async stop(graceMs = 0) {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await settledWithin(exchanges, graceMs);
      stopping.abort();
      await Promise.allSettled(work);
      await settledWithin(exchanges, LAST_WORDS_MS);
      server.closeAllConnections();
      await closed;
    },
    address: () => addressOf(server),
  };
}

/**
 * Longer than clients and proxies keep an idle connection, mostly a minute. A client that sends on a connection just closed by this side
 * gets a reset instead of an answer. A connection whose place is needed ends before (see HttpPlaces).
 */
const IDLE_MS = 75_000;

/**
 * Bytes for a closed connection make the system reset it. Then a client that is still sending may never read the answer. So the end is
 * announced first, and incoming bytes are dropped for a moment.
 */
function closeGently(socket: Socket, lingerMs: number): void {
  let timer: NodeJS.Timeout | undefined;
  // Node calls it behind the last answer of a connection.
  socket.destroySoon = () => {
    if (timer !== undefined || socket.destroyed) return;
    timer = setTimeout(() => socket.destroy(), lingerMs).unref();
    socket.once('close', () => clearTimeout(timer));
    socket.end();
  };
}

/** When the server stops, written data has this long to be sent. */
const LAST_WORDS_MS = 200;

function keepUntilSettled(set: Set<Promise<unknown>>, one: Promise<unknown>): void {
  const kept = one.catch(() => {}).finally(() => set.delete(kept));
  set.add(kept);
}

async function settledWithin(work: ReadonlySet<Promise<unknown>>, ms: number): Promise<void> {
  if (work.size === 0 || ms === 0) return;
  const over = new AbortController();
  await Promise.race([Promise.all(work), delay(ms, undefined, { signal: over.signal }).catch(() => {})]);
  over.abort();
}

/** The app cannot answer: the target of the request is not a path, or its host not a name. */
function createNoTarget(): Response {
  const error = new ApiError('not_found', 'Unknown request URL.', { publicCode: 'unknown_url' });
  return Response.json(toErrorBody(error), { status: error.status });
}

function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const [status, failure] = toClientError(error);
  const body = JSON.stringify(toErrorBody(failure));
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function toClientError({ code }: NodeJS.ErrnoException): [status: string, error: ApiError] {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return ['431 Request Header Fields Too Large', new ApiError('invalid_request', 'The headers are too large.')];
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return ['408 Request Timeout', new ApiError('request_timeout', 'The request did not arrive in time.')];
  }
  return ['400 Bad Request', new ApiError('invalid_request', 'This is not HTTP/1.1.')];
}

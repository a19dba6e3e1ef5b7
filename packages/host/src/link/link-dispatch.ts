import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
  createContextKey,
} from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';
import {
  codeToHttpStatus,
  contentTypeStreamJson,
  contentTypeStreamProto,
  contentTypeUnaryJson,
  contentTypeUnaryProto,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
} from '@connectrpc/connect/protocol-connect';
import type { BodyMeter } from './byte-budget.ts';
import { answerOnce, answerStream, createLeanRouter, drained, isLean, type LeanMethod } from './link-answer.ts';
import { RateLimited } from './link-error.ts';
import { LINK_HOST } from './link-identity.ts';
import type { LinkServerLimits } from './link-limits.ts';

const DISCARD_MS = 5000;
const UNARY: ReadonlySet<string> = new Set([contentTypeUnaryJson, contentTypeUnaryProto]);
const STREAMS: ReadonlySet<string> = new Set([contentTypeStreamJson, contentTypeStreamProto]);
const refusalKey = createContextKey<ConnectError | undefined>(undefined, { description: 'refusal' });

/** Made once, because every call ends with it. */
const LEFT = new ConnectError('the caller left', Code.Canceled);

const LATE = new ConnectError('the operation timed out', Code.DeadlineExceeded);

/** Time for the handler to answer itself that the deadline has passed. */
const DEADLINE_GRACE_MS = 1000;

export type CalledMethod = Pick<UniversalHandler, 'method' | 'service'>;

export interface DispatchOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly router: ConnectRouterOptions;
  readonly limits: Pick<LinkServerLimits, 'maxHeaderBytes' | 'requestTimeoutMs' | 'maxTimeoutMs'>;
  /** Decides before Connect does anything. @param signal aborted once the stream has ended. @throws ConnectError */
  readonly admit: (stream: ServerHttp2Stream, method: CalledMethod, signal: AbortSignal) => Promise<void>;
  readonly createContextValues: (stream: ServerHttp2Stream) => ContextValues;
  readonly openMeter: (stream: ServerHttp2Stream) => BodyMeter;
  /** Returns the part of a handler's failure that the caller may see. */
  readonly filterError: (
    error: unknown,
    call: { readonly stream: ServerHttp2Stream; readonly method: CalledMethod; readonly signal: AbortSignal },
  ) => ConnectError;
  /** Called whenever the caller has taken a part of an answer. */
  readonly onMoved: (stream: ServerHttp2Stream) => void;
}

/**
 * Runs Connect's handlers on HTTP/2 streams. Connect's own adapter leaves a handler hanging when its reader vanishes
 * while the window is full, and writes to the console.
 */
export function createDispatch(options: DispatchOptions) {
  const { routes, router, limits, admit, createContextValues, openMeter, filterError, onMoved } = options;
  const handlers = new Map<string, UniversalHandler>();
  const registry = createConnectRouter({
    ...router,
    requestGate({ values }) {
      const refusal = values.get(refusalKey);
      if (refusal !== undefined) throw refusal;
    },
  });
  const { router: noting, methods } = createLeanRouter(registry, router);
  routes(noting);
  /** Ends with the server. */
  const calls = new Set<AbortController>();
  router.shutdownSignal?.addEventListener('abort', () => {
    for (const call of calls) call.abort(router.shutdownSignal?.reason);
  });
  for (const handler of registry.handlers) handlers.set(handler.requestPath, handler);

  return (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    // A broken stream ends its call through 'close'. Without a listener for 'error' it would end the process.
    stream.on('error', () => {});
    const handler = handlers.get(headers[':path'] as string);
    const status = !handler
      ? 404
      : headers[':method'] !== 'POST'
        ? 405
        : sizeOf(headers) > limits.maxHeaderBytes
          ? 431
          : 200;
    if (!handler || status !== 200) {
      stream.respond({ ':status': status }, { endStream: true });
      stream.close(constants.NGHTTP2_NO_ERROR);
      return;
    }
    const lean = methods.get(handler.requestPath);
    const left = new AbortController();
    stream.once('close', () => left.abort(LEFT));
    admit(stream, handler, left.signal)
      .then(
        () => undefined,
        (error: unknown) => ConnectError.from(error),
      )
      .then((refusal) => {
        if (stream.closed) return;
        const type = headers['content-type'] ?? '';
        if (refusal !== undefined && UNARY.has(type)) refuse(stream, refusal);
        else if (refusal !== undefined && STREAMS.has(type)) refuseStream(stream, refusal, type);
        else if (refusal === undefined && lean !== undefined && isLean(lean, headers, limits))
          runLean(stream, headers, { handler, lean });
        else run(stream, headers, { handler, refusal, signal: left.signal });
      })
      .catch(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  };

  function runLean(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, { handler, lean }: LeanAnswer): void {
    boundLifetime(stream, headers, limits);
    const ending = new AbortController();
    const { signal } = ending;
    calls.add(ending);
    if (router.shutdownSignal?.aborted) ending.abort(router.shutdownSignal.reason);
    const timeout = headers['connect-timeout-ms'];
    const deadline = timeout === undefined ? undefined : setTimeout(() => ending.abort(LATE), Number(timeout));
    stream.once('close', () => {
      clearTimeout(deadline);
      calls.delete(ending);
      ending.abort(LEFT);
    });
    const call = {
      context: { values: createContextValues(stream), signal },
      meter: openMeter(stream),
      writeMaxBytes: router.writeMaxBytes ?? 0xffffffff,
      filter: (error: unknown) => filterError(error, { stream, method: handler, signal }),
      moved: () => onMoved(stream),
    };
    const isUnary = lean.method.methodKind === 'unary';
    (isUnary ? answerOnce : answerStream)(stream, lean, call)
      .catch((error: unknown) => {
        if (stream.closed) return;
        const refusal = error instanceof ConnectError ? error : new ConnectError('internal error', Code.Internal);
        if (isUnary) refuse(stream, refusal);
        else refuseStream(stream, refusal, contentTypeStreamProto);
      })
      .catch(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  }

  /** @param refusal sent in the form of the call's protocol, which Connect has to find out. */
  function run(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    { handler, refusal, signal }: AdmittedCall,
  ): void {
    boundLifetime(stream, headers, limits);
    const request = {
      httpVersion: '2.0',
      method: 'POST',
      url: `https://${LINK_HOST}${handler.requestPath}`,
      header: toHeaders(headers),
      // A handler that stops reading still has to answer: leaving the loop must not tear down the stream.
      body: meterBody(stream, openMeter(stream)),
      signal,
      contextValues: createContextValues(stream).set(refusalKey, refusal),
    };
    handler(request)
      .then((response) => respond(stream, response, onMoved))
      // No answer can be sent: the stream broke, or the handler failed after its answer had begun.
      .catch(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  }
}

interface LeanAnswer extends Pick<AdmittedCall, 'handler'> {
  readonly lean: LeanMethod;
}

interface AdmittedCall {
  readonly handler: UniversalHandler;
  readonly refusal: ConnectError | undefined;
  readonly signal: AbortSignal;
}

/** In Connect's protocol, as its own handlers would. They would first look at headers and body. */
function refuse(stream: ServerHttp2Stream, refusal: ConnectError): void {
  stream.respond({
    ...fromHeaders(refusal.metadata),
    ':status': codeToHttpStatus(refusal.code),
    'content-type': contentTypeUnaryJson,
  });
  stream.end(errorToJsonBytes(refusal, undefined));
  discardRequest(stream);
}

/** The same where answers come as a stream: it is one message, the last. */
function refuseStream(stream: ServerHttp2Stream, refusal: ConnectError, type: string): void {
  stream.respond({ ':status': 200, 'content-type': type });
  const json = Buffer.from(JSON.stringify(endStreamToJson(new Headers(), refusal, undefined)));
  const head = Buffer.alloc(5);
  head.writeUInt8(endStreamFlag);
  head.writeUInt32BE(json.length, 1);
  stream.end(Buffer.concat([head, json]));
  discardRequest(stream);
}

/** Refuses a request without room, and releases its space when its call has ended. */
async function* meterBody(stream: ServerHttp2Stream, meter: BodyMeter): AsyncGenerator<Uint8Array> {
  if (stream.closed) meter.release();
  else stream.once('close', () => meter.release());
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    if (!meter.take(chunk.length)) throw new RateLimited('there is no room for so large a request now');
    yield chunk;
  }
}

async function respond(
  stream: ServerHttp2Stream,
  { status, header, body }: UniversalServerResponse,
  onMoved: DispatchOptions['onMoved'],
): Promise<void> {
  const chunks = body?.[Symbol.asyncIterator]();
  try {
    let chunk = await chunks?.next();
    if (stream.closed) return;
    stream.respond({ ':status': status, ...fromHeaders(header) });
    while (chunk && !chunk.done) {
      if (!stream.write(chunk.value)) await drained(stream);
      if (stream.closed) return;
      onMoved(stream);
      chunk = await chunks?.next();
    }
    stream.end();
    discardRequest(stream);
  } finally {
    await chunks?.return?.();
  }
}

/**
 * Connect's deadline reaches the handler only. It does not end a request that never ends, or an answer that is never read, so
 * this closes those streams.
 */
function boundLifetime(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { requestTimeoutMs, maxTimeoutMs }: DispatchOptions['limits'],
): void {
  const asked = Number(headers['connect-timeout-ms'] ?? maxTimeoutMs);
  const lifetimeMs = (asked >= 0 && asked < maxTimeoutMs ? asked : maxTimeoutMs) + DEADLINE_GRACE_MS;
  const cut = () => stream.close(constants.NGHTTP2_CANCEL);
  const request = setTimeout(cut, requestTimeoutMs);
  const lifetime = setTimeout(cut, lifetimeMs);
  stream.once('end', () => clearTimeout(request));
  stream.once('close', () => {
    clearTimeout(request);
    clearTimeout(lifetime);
  });
}

/** A reset would reach the caller before the answer. So the rest of an unread request is received, for a short time. */
function discardRequest(stream: ServerHttp2Stream): void {
  stream.resume();
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), DISCARD_MS);
  stream.once('close', () => clearTimeout(timer));
}

/** Node announces the limit in its settings but does not enforce it. */
function sizeOf(headers: IncomingHttpHeaders): number {
  return Object.entries(headers).reduce((size, [name, value]) => size + name.length + String(value).length, 0);
}

function toHeaders(headers: IncomingHttpHeaders): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(':') && typeof value === 'string') result.append(name, value);
  }
  return result;
}

function fromHeaders(headers: Headers | undefined): OutgoingHttpHeaders {
  return Object.fromEntries(headers ?? []);
}

import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { create, type DescMessage, type DescMethod, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
} from '@connectrpc/connect';
import {
  contentTypeStreamProto,
  contentTypeUnaryProto,
  endStreamFlag,
  endStreamToJson,
} from '@connectrpc/connect/protocol-connect';
import type { BodyMeter } from './byte-budget.ts';
import { RateLimited } from './link-error.ts';

/**
 * How a server answers a call in the form that our own callers use (link-call.ts): Connect's protocol in binary, without compression. Any
 * other form is Connect's own handlers' (docs/adr/transport.md).
 */
export interface LeanMethod {
  readonly method: DescMethod;
  readonly impl: (message: Message, context: LeanContext) => unknown;
  readonly readMaxBytes: number;
}

/** The parts of Connect's HandlerContext that handlers read. */
export interface LeanContext {
  readonly values: ContextValues;
  readonly signal: AbortSignal;
}

export interface LeanCall {
  readonly context: LeanContext;
  readonly meter: BodyMeter;
  readonly writeMaxBytes: number;
  /** Returns the part of a handler's failure that the caller may see. */
  filter(error: unknown): ConnectError;
  /** The caller has taken a part of the answer. */
  moved(): void;
}

type ImplFunction = LeanMethod['impl'];

/** Connect's router, which records the registered services. */
export function createLeanRouter(
  router: ConnectRouter,
  { readMaxBytes = 0xffffffff }: Pick<ConnectRouterOptions, 'readMaxBytes'>,
): { readonly router: ConnectRouter; readonly methods: ReadonlyMap<string, LeanMethod> } {
  const methods = new Map<string, LeanMethod>();
  function note(method: DescMethod, impl: unknown, options: Partial<ConnectRouterOptions> = {}): void {
    const { readMaxBytes: own = readMaxBytes, ...others } = options;
    const isKnown = method.methodKind === 'unary' || method.methodKind === 'server_streaming';
    if (!isKnown || typeof impl !== 'function' || Object.keys(others).length > 0) return;
    methods.set(`/${method.parent.typeName}/${method.name}`, {
      ...{ method, impl: impl as ImplFunction, readMaxBytes: own },
    });
  }
  const noting: ConnectRouter = {
    handlers: router.handlers,
    service(service, implementation, options) {
      router.service(service, implementation, options);
      for (const method of service.methods) {
        const impl = (implementation as Record<string, unknown>)[method.localName];
        note(method, typeof impl === 'function' ? impl.bind(implementation) : undefined, options);
      }
      return noting;
    },
    rpc: ((method: DescMethod, impl: ImplFunction, options?: Partial<ConnectRouterOptions>) => {
      router.rpc(method as never, impl as never, options);
      note(method, impl, options);
      return noting;
    }) as ConnectRouter['rpc'],
  };
  return { router: noting, methods };
}

const TIMEOUT = /^[1-9]\d{0,9}$/;

/** Whether a call has the form that is answered here. */
export function isLean(
  { method }: LeanMethod,
  headers: IncomingHttpHeaders,
  { maxTimeoutMs }: { readonly maxTimeoutMs: number },
): boolean {
  const timeout = headers['connect-timeout-ms'];
  return (
    headers['content-type'] === (method.methodKind === 'unary' ? contentTypeUnaryProto : contentTypeStreamProto) &&
    headers['content-encoding'] === undefined &&
    headers['connect-content-encoding'] === undefined &&
    (timeout === undefined || (typeof timeout === 'string' && TIMEOUT.test(timeout) && Number(timeout) <= maxTimeoutMs))
  );
}

/** @throws ConnectError if nothing is answered yet. */
export async function answerOnce(stream: ServerHttp2Stream, called: LeanMethod, call: LeanCall): Promise<void> {
  const { method, impl, readMaxBytes } = called;
  const message = parse(method.input, await readBody(stream, call.meter, readMaxBytes));
  let answer: unknown;
  try {
    answer = await impl(message, call.context);
  } catch (error) {
    throw call.filter(error);
  }
  const bytes = write(method.output, answer, call);
  if (stream.closed) return;
  stream.respond({ ':status': 200, 'content-type': contentTypeUnaryProto, 'content-length': bytes.length });
  stream.end(bytes, () => call.moved());
}

/** @throws ConnectError if nothing is answered yet. */
export async function answerStream(stream: ServerHttp2Stream, called: LeanMethod, call: LeanCall): Promise<void> {
  const { method, impl, readMaxBytes } = called;
  const body = await readBody(stream, call.meter, readMaxBytes + ENVELOPE_BYTES);
  const message = parse(method.input, openEnvelope(body, readMaxBytes));
  let hasBegun = false;
  const begin = (): void => {
    if (!hasBegun) stream.respond({ ':status': 200, 'content-type': contentTypeStreamProto });
    hasBegun = true;
  };
  let end: ConnectError | undefined;
  const answers = start(() => impl(message, call.context) as AsyncIterable<unknown>, call);
  try {
    for (;;) {
      const next = await answers.next().catch((error: unknown) => {
        throw call.filter(error);
      });
      if (stream.closed) return;
      if (next.done) break;
      const envelope = toEnvelope(0, write(method.output, next.value, call));
      begin();
      if (!stream.write(envelope)) await drained(stream);
      if (stream.closed) return;
      call.moved();
    }
  } catch (error) {
    end = error instanceof ConnectError ? error : new ConnectError('internal error', Code.Internal);
    if (!hasBegun) throw end;
  } finally {
    await answers.return?.();
  }
  if (stream.closed) return;
  begin();
  const last = end === undefined ? NO_END : Buffer.from(JSON.stringify(endStreamToJson(new Headers(), end, undefined)));
  stream.end(toEnvelope(endStreamFlag, last));
}

const NO_END = Buffer.from('{}');

function start(run: () => AsyncIterable<unknown>, { filter }: LeanCall): AsyncIterator<unknown> {
  try {
    return run()[Symbol.asyncIterator]();
  } catch (error) {
    throw filter(error);
  }
}

function parse(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw ConnectError.from(error, Code.InvalidArgument);
  }
}

function write(schema: DescMessage, answer: unknown, { writeMaxBytes }: Pick<LeanCall, 'writeMaxBytes'>): Uint8Array {
  const bytes = toBinary(schema, create(schema, answer as never));
  if (bytes.length > writeMaxBytes) throw createTooLarge(bytes.length, 'write', writeMaxBytes);
  return bytes;
}

const createTooLarge = (size: number, way: 'read' | 'write', limit: number): ConnectError =>
  new ConnectError(`message size ${size} is larger than configured ${way}MaxBytes ${limit}`, Code.ResourceExhausted);

const CUT = new ConnectError('the caller left before its request was whole', Code.Canceled);
const NO_ROOM = new RateLimited('there is no room for so large a request now');

/** All of a request, in one piece that nothing else refers to. */
function readBody(stream: ServerHttp2Stream, meter: BodyMeter, maxBytes: number): Promise<Uint8Array> {
  if (stream.closed) meter.release();
  else stream.once('close', () => meter.release());
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const settle = (): void => {
      stream.off('data', take);
      stream.off('end', finish);
      stream.off('close', leave);
    };
    function fail(error: ConnectError): void {
      settle();
      stream.pause();
      reject(error);
    }
    function take(chunk: Uint8Array): void {
      size += chunk.length;
      if (!meter.take(chunk.length)) fail(NO_ROOM);
      else if (size > maxBytes) fail(createTooLarge(size, 'read', maxBytes));
      else chunks.push(chunk);
    }
    function finish(): void {
      settle();
      const bytes = new Uint8Array(size);
      let at = 0;
      for (const chunk of chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
      }
      resolve(bytes);
    }
    function leave(): void {
      fail(CUT);
    }
    if (stream.closed) return leave();
    stream.on('data', take);
    stream.once('end', finish);
    stream.once('close', leave);
  });
}

const ENVELOPE_BYTES = 5;

/** The one message of a request. @throws ConnectError */
function openEnvelope(body: Uint8Array, maxBytes: number): Uint8Array {
  const [flags] = body;
  if (flags !== 0) throw new ConnectError('a request is one message, in plain', Code.InvalidArgument);
  const { byteOffset, byteLength, buffer } = body;
  if (byteLength < ENVELOPE_BYTES) throw new ConnectError('premature end of the request', Code.InvalidArgument);
  const size = new DataView(buffer, byteOffset, byteLength).getUint32(1);
  if (size > maxBytes) throw createTooLarge(size, 'read', maxBytes);
  if (byteLength !== ENVELOPE_BYTES + size) throw new ConnectError('a request is one message', Code.InvalidArgument);
  return body.subarray(ENVELOPE_BYTES);
}

function toEnvelope(flags: number, bytes: Uint8Array): Buffer {
  const envelope = Buffer.allocUnsafe(ENVELOPE_BYTES + bytes.length);
  envelope.writeUInt8(flags);
  envelope.writeUInt32BE(bytes.length, 1);
  envelope.set(bytes, ENVELOPE_BYTES);
  return envelope;
}

/** Resolves once the caller has taken the written bytes, or has left. */
export function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) return resolve();
    const settle = () => {
      stream.off('drain', settle);
      stream.off('close', settle);
      resolve();
    };
    stream.on('drain', settle);
    stream.on('close', settle);
  });
}

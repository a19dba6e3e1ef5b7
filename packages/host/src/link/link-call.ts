import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2';
import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  contentTypeStreamProto,
  contentTypeUnaryProto,
  endStreamFlag,
  endStreamFromJson,
  errorFromJsonBytes,
  headerContentType,
  headerProtocolVersion,
  headerStreamEncoding,
  headerTimeout,
  headerUnaryEncoding,
  protocolVersion,
  validateResponseWithCompression,
} from '@connectrpc/connect/protocol-connect';
import { equalBytes } from '@ogong/protocol/base/bytes';

/**
 * The caller's side of Connect's protocol, straight on an HTTP/2 stream. Connect's own client builds web headers, abort
 * controllers and a chain of generators for each call. They take longer than the call itself (docs/adr/transport.md). Forms and errors are
 * still read by Connect's code, and servers are Connect's.
 */
export interface CallTarget {
  /** @throws LinkError */
  request(headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream>;
  /** Largest message either way. */
  readonly maxMessageBytes: number;
}

export interface CallLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly headers: ConstructorParameters<typeof Headers>[0];
  /** Called before a stream's message leaves. */
  readonly onSend?: () => void;
}

type AnswerHead = IncomingHttpHeaders & IncomingHttpStatusHeader;
type AnyMethod = DescMethodUnary | DescMethodServerStreaming;

/** Limit of a stream with a slow reader: beyond it the peer waits. */
const MAX_QUEUED_BYTES = 256 * 1024;
const ENVELOPE_HEAD_BYTES = 5;
const COMPRESSED_FLAG = 1;
/** Made once: the stack of an error costs more than the rest of a call's end. */
const LEFT = new ConnectError('the caller left', Code.Canceled);
const BROKEN = new ConnectError('the peer ended the call without a whole answer', Code.Canceled);

/** One message for one message. @throws anything that toLinkError reads. */
export function callUnary<I extends DescMessage, O extends DescMessage>(
  target: CallTarget,
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I>,
  limits: CallLimits,
): Promise<MessageShape<O>> {
  const body = serialize(target, method, input);
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    let head: AnswerHead | undefined;
    const { begin, end } = watchCall(limits, reject);
    target.request(toRequestHeaders(method, limits)).then((stream) => {
      if (!begin(stream)) return;
      stream.on('response', (headers) => {
        head = headers;
      });
      stream.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > target.maxMessageBytes) return end(tooLarge(size, target));
        chunks.push(chunk);
      });
      stream.on('end', () => {
        // Node also ends a partial answer if the connection broke in its middle.
        if (head === undefined || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return end(BROKEN);
        try {
          const answer = joinBytes(chunks, size);
          assertUnary(head, answer);
          const message = parse(method.output, answer);
          end(undefined);
          resolve(message as MessageShape<O>);
        } catch (error) {
          end(error);
        }
      });
      stream.end(body);
    }, end);
  });
}

/**
 * One message for many. Messages from before a failure come first. A caller that leaves, or runs out of time, gets no more of them.
 * @throws anything that toLinkError reads.
 */
export async function* callStream<I extends DescMessage, O extends DescMessage>(
  target: CallTarget,
  method: DescMethodServerStreaming<I, O>,
  input: MessageInitShape<I>,
  limits: CallLimits,
): AsyncGenerator<MessageShape<O>, void, undefined> {
  const body = envelop(serialize(target, method, input));
  const queue: Uint8Array[] = [];
  let queuedBytes = 0;
  let stream: ClientHttp2Stream | undefined;
  let failure: { readonly error: unknown } | undefined;
  let isWhole = false;
  let hasEnded = false;
  let wake: (() => void) | undefined;
  const notify = (): void => {
    const waiting = wake;
    wake = undefined;
    waiting?.();
  };
  const { begin, end } = watchCall(limits, (error, isOwn) => {
    if (isOwn) queue.length = 0;
    failure ??= { error };
    notify();
  });
  const take = createFrameReader(target, (flags, frame) => {
    if (isWhole) throw new ConnectError('protocol error: a message after the end of the stream', Code.InvalidArgument);
    if ((flags & COMPRESSED_FLAG) !== 0) throw new ConnectError('protocol error: a compressed message', Code.Internal);
    if ((flags & endStreamFlag) !== 0) {
      const error = readStreamError(frame);
      if (error) throw error;
      isWhole = true;
      return;
    }
    queue.push(frame);
    queuedBytes += frame.length;
  });
  target.request(toRequestHeaders(method, limits)).then((opened) => {
    if (!begin(opened)) return;
    stream = opened;
    opened.on('response', (headers) => {
      try {
        assertAnswered(method, headers);
      } catch (error) {
        end(error);
      }
    });
    opened.on('data', (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        return end(error);
      }
      if (queuedBytes > MAX_QUEUED_BYTES) opened.pause();
      if (queue.length > 0) notify();
    });
    opened.on('end', () => {
      hasEnded = isWhole;
      end(isWhole ? undefined : BROKEN);
      notify();
    });
    limits.onSend?.();
    opened.end(body);
  }, end);
  try {
    for (;;) {
      for (let frame = queue.shift(); frame !== undefined; frame = queue.shift()) {
        queuedBytes -= frame.length;
        if (stream?.isPaused() && queuedBytes < MAX_QUEUED_BYTES / 2) stream.resume();
        yield parse(method.output, frame) as MessageShape<O>;
      }
      if (failure !== undefined) throw failure.error;
      if (hasEnded) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    // Has no effect if the call has ended; otherwise the reader has left the loop, and the peer need not continue.
    end(LEFT);
  }
}

/** Until its end a call has a deadline, a caller that may leave, and a stream that may break. */
function watchCall(
  { timeoutMs, signal }: CallLimits,
  onFailed: (error: unknown, isOwn: boolean) => void,
): {
  /** @returns false if the call is over already. */
  readonly begin: (stream: ClientHttp2Stream) => boolean;
  /** Only the first end counts. */
  readonly end: (error: unknown) => void;
} {
  let isOver = false;
  let stream: ClientHttp2Stream | undefined;
  const timer = setTimeout(
    () => finish(new ConnectError('the operation timed out', Code.DeadlineExceeded), true),
    timeoutMs,
  );
  const onAbort = (): void => finish(ConnectError.from(signal?.reason, Code.Canceled), true);
  const cancel = (opened: ClientHttp2Stream): void => {
    if (!opened.closed) opened.close(constants.NGHTTP2_CANCEL);
  };

  function finish(error: unknown, isOwn: boolean): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    if (error === undefined) return;
    if (stream !== undefined) cancel(stream);
    onFailed(error, isOwn);
  }

  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  return {
    begin(opened) {
      stream = opened;
      // Without a listener it would end the process, even if the call is over.
      opened.on('error', (error) => finish(error, false));
      opened.on('close', () => finish(BROKEN, false));
      if (isOver) cancel(opened);
      return !isOver;
    },
    end: (error) => finish(error, false),
  };
}

/** Of all calls of one method the same, but for their deadline. */
const knownHeaders = new WeakMap<AnyMethod, OutgoingHttpHeaders>();

function toRequestHeaders(method: AnyMethod, { timeoutMs, headers }: CallLimits): OutgoingHttpHeaders {
  const known = knownHeaders.get(method) ?? {
    ':method': 'POST',
    ':path': `/${method.parent.typeName}/${method.name}`,
    [headerContentType]: method.methodKind === 'unary' ? contentTypeUnaryProto : contentTypeStreamProto,
    [headerProtocolVersion]: protocolVersion,
  };
  knownHeaders.set(method, known);
  const own = headers === undefined ? undefined : Object.fromEntries(new Headers(headers));
  return { ...own, ...known, [headerTimeout]: `${Math.ceil(timeoutMs)}` };
}

function serialize<I extends DescMessage>(
  { maxMessageBytes }: CallTarget,
  { input }: { readonly input: I },
  value: MessageInitShape<I>,
): Uint8Array {
  const bytes = toBinary(input, create(input, value));
  if (bytes.length > maxMessageBytes)
    throw new ConnectError(`a message of ${bytes.length} bytes, at most ${maxMessageBytes}`, Code.ResourceExhausted);
  return bytes;
}

function parse(schema: DescMessage, bytes: Uint8Array): MessageShape<DescMessage> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new ConnectError(`parse binary: ${(cause as Error).message}`, Code.Internal, undefined, undefined, cause);
  }
}

function envelop(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(ENVELOPE_HEAD_BYTES + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, ENVELOPE_HEAD_BYTES);
  return framed;
}

/** Most streams end so. Connect's reader makes an error, with its stack, before it looks at the end. */
const GOOD_END = new TextEncoder().encode('{}');

/** @throws ConnectError for a malformed end. */
function readStreamError(end: Uint8Array): ConnectError | undefined {
  return equalBytes(end, GOOD_END) ? undefined : endStreamFromJson(end).error;
}

const isPlain = (encoding: unknown): boolean => encoding === undefined || encoding === 'identity';

/** @throws ConnectError if the answer of a unary call is an error. */
function assertUnary(head: AnswerHead, answer: Uint8Array): void {
  const isUsual =
    head[':status'] === 200 && head[headerContentType] === contentTypeUnaryProto && isPlain(head[headerUnaryEncoding]);
  if (isUsual) return;
  const headers = toWebHeaders(head);
  const { unaryError } = validateResponseWithCompression('unary', [], true, head[':status'] ?? 0, headers);
  if (unaryError) throw errorFromJsonBytes(answer, headers, unaryError);
}

/** @throws ConnectError if a stream has no valid beginning. */
function assertAnswered(method: AnyMethod, head: AnswerHead): void {
  const isUsual =
    head[':status'] === 200 &&
    head[headerContentType] === contentTypeStreamProto &&
    isPlain(head[headerStreamEncoding]);
  if (isUsual) return;
  validateResponseWithCompression(method.methodKind, [], true, head[':status'] ?? 0, toWebHeaders(head));
}

function toWebHeaders(head: AnswerHead): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(head)) {
    if (!name.startsWith(':') && typeof value === 'string') headers.append(name, value);
  }
  return headers;
}

const tooLarge = (size: number, { maxMessageBytes }: CallTarget): ConnectError =>
  new ConnectError(`a message of ${size} bytes or more, at most ${maxMessageBytes}`, Code.ResourceExhausted);

/** A copy, and no Buffer: a part of a message must not hold on to all that came with it. */
function joinBytes(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const joined = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

/**
 * Cuts incoming bytes into envelopes: flags in one byte, length in four, then the message.
 * @throws ConnectError for one that is too large.
 */
function createFrameReader(
  target: CallTarget,
  onFrame: (flags: number, frame: Uint8Array) => void,
): (chunk: Uint8Array) => void {
  let chunks: Uint8Array[] = [];
  let size = 0;
  let wanted = ENVELOPE_HEAD_BYTES;
  return (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < wanted) return;
    const bytes = chunks.length === 1 ? chunk : joinBytes(chunks, size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    wanted = ENVELOPE_HEAD_BYTES;
    while (size - at >= ENVELOPE_HEAD_BYTES) {
      const length = view.getUint32(at + 1);
      if (length > target.maxMessageBytes) throw tooLarge(length, target);
      const end = at + ENVELOPE_HEAD_BYTES + length;
      if (end > size) {
        wanted = end - at;
        break;
      }
      onFrame(view.getUint8(at), joinBytes([bytes.subarray(at + ENVELOPE_HEAD_BYTES, end)], length));
      at = end;
    }
    chunks = at === size ? [] : [bytes.subarray(at)];
    size -= at;
  };
}

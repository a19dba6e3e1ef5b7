import type { IncomingMessage } from 'node:http';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { FRAMED_TYPE, splitFramed } from '@ogong/protocol/http/framed-body';
import type { Context } from 'hono';
import type { z } from 'zod';
import { ApiError } from './api-error.ts';
import { type ByteSpace, createByteSpace } from './byte-space.ts';
import type { ServerBindings } from './http-server.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** From the first byte requested to the last one received. */
  readonly timeoutMs: number;
}

/**
 * The exact bytes of a JSON body: they are hashed, signed for and forwarded as they are.
 * @throws ApiError 408, 413 or 415
 */
export function readJsonBody(context: Context, limits: BodyLimits): Promise<Uint8Array> {
  // A web page may send other types without a preflight request, even to a loopback server without keys.
  if (!/^application\/json\s*(;\s*charset=utf-8\s*)?$/i.test(context.req.header('content-type') ?? '')) {
    throw new ApiError('unsupported_media_type', 'Send the body as content-type: application/json.');
  }
  return readBody(context, limits);
}

/** A JSON body of this form. @throws ApiError naming the field. */
export function parseJsonBody<T>(bytes: Uint8Array, schema: z.ZodType<T>): T {
  let given: unknown;
  try {
    given = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ApiError('invalid_request', 'The body is not JSON.', { cause, publicCode: null });
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const param = issue?.path.join('.') || null;
  throw new ApiError('invalid_request', `${param ?? 'body'}: ${issue?.message}.`, { param, publicCode: null });
}

/**
 * Reads a message of this form with bytes behind it, without a copy. Large data in JSON would block the event loop for 20 ms a MiB.
 * @throws ApiError naming the field, or as readJsonBody
 */
export async function readFramedBody<T>(
  context: Context,
  { maxJsonLength, ...limits }: BodyLimits & { readonly maxJsonLength: number },
  schema: z.ZodType<T>,
): Promise<{ readonly message: T; readonly bytes: Uint8Array }> {
  if (!isFramed(context)) {
    throw new ApiError('unsupported_media_type', `Send the body as content-type: ${FRAMED_TYPE}.`);
  }
  const { json, bytes } = splitBody(await readBody(context, limits), maxJsonLength);
  return { message: parseJsonBody(json, schema), bytes };
}

/** Whether a message with bytes behind it is sent: no web page sends this type without a preflight request. */
export const isFramed = ({ req }: Context): boolean => req.header('content-type')?.toLowerCase() === FRAMED_TYPE;

/** @throws ApiError */
function splitBody(body: Uint8Array, maxJsonLength: number): ReturnType<typeof splitFramed> {
  try {
    return splitFramed(body, maxJsonLength);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ApiError('invalid_request', `The body cannot be read: ${cause.message}.`, { cause });
  }
}

/** Never holds more than the limit. @throws ApiError 408, 413 or 415 */
export async function readBody(context: Context, limits: BodyLimits): Promise<Uint8Array> {
  const { req } = context;
  if ((req.header('content-encoding') ?? 'identity') !== 'identity') {
    throw new ApiError('unsupported_media_type', 'Compressed bodies are not accepted.');
  }
  const stated = req.header('content-length');
  if (stated !== undefined && Number(stated) > limits.maxBytes) throw createTooLarge(limits);
  const space = createByteSpace({ maxBytes: limits.maxBytes, statedBytes: Number(stated ?? limits.maxBytes) || 0 });
  const incoming = findIncoming(context);
  if (incoming !== undefined) return receive(incoming, limits, space);
  return req.raw.body === null ? new Uint8Array() : collect(req.raw.body, limits, space);
}

/** Returns the message of Node's server, if its body is still to come. A web stream around it would cost more than most bodies. */
function findIncoming({ req, env }: Context): IncomingMessage | undefined {
  const { incoming } = (env ?? {}) as ServerBindings;
  if (incoming === undefined || req.method === 'GET' || req.method === 'HEAD') return undefined;
  return incoming.readableDidRead || incoming.destroyed ? undefined : incoming;
}

/** The rest of a refused body is dropped; the connection is closed soon after the answer. */
function receive(incoming: IncomingMessage, limits: BodyLimits, space: ByteSpace): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => refuse(createLate(limits)), limits.timeoutMs);
    function stop(): void {
      clearTimeout(timer);
      incoming.off('data', add).off('end', end).off('close', leave);
    }
    function refuse(error: unknown): void {
      stop();
      incoming.pause();
      reject(error);
    }
    function add(chunk: Uint8Array): void {
      if (!space.add(chunk)) refuse(createTooLarge(limits));
    }
    function end(): void {
      stop();
      resolve(space.take());
    }
    const leave = (): void => refuse(createBroken(incoming.errored));
    incoming.on('data', add).on('end', end).on('close', leave);
  });
}

/** Reads the body of a request that came without Node's server. */
async function collect(body: ReadableStream<Uint8Array>, limits: BodyLimits, space: ByteSpace): Promise<Uint8Array> {
  let late: ApiError | undefined;
  let endRead: ((error: Error) => void) | undefined;
  const timer = setTimeout(() => {
    late = createLate(limits);
    endRead?.(late);
  }, limits.timeoutMs);
  const reader = body.getReader();
  // Each read has a promise of its own. A race with one long-lived promise would keep every chunk's promise until the end.
  const read = () =>
    new Promise<Awaited<ReturnType<typeof reader.read>>>((resolve, reject) => {
      endRead = reject;
      reader.read().then(resolve, reject);
    });
  try {
    for (;;) {
      if (late) throw late;
      const { done, value } = await read();
      if (done) return space.take();
      if (!space.add(value)) throw createTooLarge(limits);
    }
  } catch (cause) {
    throw cause instanceof ApiError ? cause : createBroken(cause);
  } finally {
    clearTimeout(timer);
  }
}

export const createTooLarge = ({ maxBytes }: Pick<BodyLimits, 'maxBytes'>): ApiError =>
  new ApiError('body_too_large', `The body is larger than ${maxBytes} bytes.`);

const createLate = ({ timeoutMs }: BodyLimits): ApiError =>
  new ApiError('request_timeout', `The body did not arrive within ${timeoutMs} ms.`);

const createBroken = (cause: unknown): ApiError =>
  new ApiError('request_timeout', 'The request ended before its body did.', { cause });

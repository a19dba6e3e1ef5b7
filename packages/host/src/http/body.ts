import type { Context } from 'hono';
import type { z } from 'zod';
import { ApiError } from './api-error.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** From the first byte asked for to the last one received. */
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

/** Never holds more than the limit. @throws ApiError 408, 413 or 415 */
export async function readBody({ req }: Context, limits: BodyLimits): Promise<Uint8Array> {
  if ((req.header('content-encoding') ?? 'identity') !== 'identity') {
    throw new ApiError('unsupported_media_type', 'Compressed bodies are not accepted.');
  }
  if (Number(req.header('content-length') ?? 0) > limits.maxBytes) throw createTooLarge(limits);
  if (req.raw.body === null) return new Uint8Array();
  return collect(req.raw.body, limits);
}

/** The rest of a body that is refused is left unread; the connection is closed after the answer. */
async function collect(body: ReadableStream<Uint8Array>, limits: BodyLimits): Promise<Uint8Array> {
  const { promise: isLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new ApiError('request_timeout', `The body did not arrive within ${limits.timeoutMs} ms.`)),
    limits.timeoutMs,
  );
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), isLate]);
      if (done) return new Uint8Array(Buffer.concat(chunks));
      length += value.length;
      if (length > limits.maxBytes) throw createTooLarge(limits);
      chunks.push(value);
    }
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    throw new ApiError('request_timeout', 'The request ended before its body did.', { cause });
  } finally {
    clearTimeout(timer);
  }
}

const createTooLarge = ({ maxBytes }: BodyLimits): ApiError =>
  new ApiError('body_too_large', `The body is larger than ${maxBytes} bytes.`);

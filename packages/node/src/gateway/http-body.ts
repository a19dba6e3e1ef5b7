import type { IncomingMessage } from 'node:http';
import { GatewayError } from './gateway-error.ts';

export interface BodyLimits {
  readonly maxBytes: number;
  /** From the first byte asked for to the last one received. */
  readonly timeoutMs: number;
}

/**
 * The exact bytes of a JSON body: they are hashed, signed for and forwarded as they are.
 * @throws GatewayError 408, 413 or 415
 */
export async function readJsonBody(request: IncomingMessage, limits: BodyLimits): Promise<Uint8Array> {
  const type = request.headers['content-type'] ?? '';
  // Other types could be sent by any web page without asking (no preflight), on a loopback gateway without keys too.
  if (!/^application\/json\s*(;\s*charset=utf-8\s*)?$/i.test(type)) {
    throw new GatewayError('unsupported_media_type', 'Send the body as content-type: application/json.');
  }
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new GatewayError('unsupported_media_type', 'Compressed bodies are not accepted.');
  }
  if (Number(request.headers['content-length'] ?? 0) > limits.maxBytes) throw createTooLarge(limits);
  return collect(request, limits);
}

function collect(request: IncomingMessage, limits: BodyLimits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (done: () => void) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      done();
    };
    const fail = (error: GatewayError) => {
      request.pause();
      settle(() => reject(error));
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limits.maxBytes) fail(createTooLarge(limits));
      else chunks.push(chunk);
    };
    const onEnd = () => settle(() => resolve(new Uint8Array(Buffer.concat(chunks))));
    const onClose = () => fail(new GatewayError('request_timeout', 'The request ended before its body did.'));
    const timer = setTimeout(
      () => fail(new GatewayError('request_timeout', `The body did not arrive within ${limits.timeoutMs} ms.`)),
      limits.timeoutMs,
    );
    request.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}

const createTooLarge = ({ maxBytes }: BodyLimits): GatewayError =>
  new GatewayError('body_too_large', `The body is larger than ${maxBytes} bytes.`);

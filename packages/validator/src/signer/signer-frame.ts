import type { Socket } from 'node:net';
import { MAX_SIGNER_MESSAGE_BYTES } from '@ogong/protocol/settlement/signer-message';
import { SignerError } from './signer-error.ts';

const LENGTH_BYTES = 4;

export function encodeFrame(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(LENGTH_BYTES + message.length);
  new DataView(frame.buffer).setUint32(0, message.length);
  frame.set(message, LENGTH_BYTES);
  return frame;
}

/**
 * Reads one message: u32 length, then its bytes. Buffers no more than the longest message.
 * @throws SignerError `malformed` for a longer one; `unreachable` if the other end closes, or is silent for too long.
 */
export function readFrame(socket: Socket, { timeoutMs }: { readonly timeoutMs: number }): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let received = 0;
    const end = (): void => {
      clearTimeout(timer);
      socket.off('data', take).off('error', fail).off('close', fail);
    };
    const fail = (cause?: unknown): void => {
      end();
      reject(new SignerError('unreachable', 'the connection ended before the message did', { cause }));
    };
    const timer = setTimeout(() => {
      end();
      reject(new SignerError('unreachable', `no message within ${timeoutMs} ms`));
    }, timeoutMs);
    const take = (part: Buffer): void => {
      parts.push(part);
      received += part.length;
      if (received < LENGTH_BYTES) return;
      const whole = parts.length === 1 ? part : Buffer.concat(parts);
      const length = whole.readUInt32BE(0);
      if (length > MAX_SIGNER_MESSAGE_BYTES || received > LENGTH_BYTES + length) {
        end();
        reject(new SignerError('malformed', `a message of ${Math.max(length, received)} bytes`));
      } else if (received === LENGTH_BYTES + length) {
        end();
        resolve(new Uint8Array(whole.subarray(LENGTH_BYTES)));
      }
    };
    socket.on('data', take).on('error', fail).on('close', fail);
  });
}

import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import { createReceiveBuffers, type ReceiveBuffers } from './receive-buffers.ts';

/** Receives so many bytes, which count up from `from`. @returns whether more may come. */
function receive(buffers: ReceiveBuffers, count: number, from: number): boolean {
  const space = buffers.space().subarray(0, count);
  for (let i = 0; i < space.length; i++) space[i] = (from + i) % 251;
  return buffers.add(space.length);
}

describe('buffers of a connection', () => {
  it('give all bytes in their order, and keep a piece until the next one is taken', () => {
    const buffers = createReceiveBuffers();
    const random = createSeededRandom(3);
    let [received, taken] = [0, 0];
    let mayReceive = true;
    let lent: { readonly piece: Uint8Array; readonly from: number } | undefined;
    for (let step = 0; step < 600; step++) {
      if (mayReceive && random() < 0.6) {
        const count = Math.min(1 + Math.floor(random() * 90_000), buffers.space().length);
        mayReceive = receive(buffers, count, received);
        received += count;
        continue;
      }
      // The last piece is whole although more bytes came since.
      if (lent !== undefined) expect(lent.piece.every((byte, i) => byte === ((lent?.from ?? 0) + i) % 251)).toBe(true);
      const piece = buffers.take();
      lent = { piece, from: taken };
      taken += piece.length;
      mayReceive = true;
    }
    expect(taken).toBeGreaterThan(5_000_000);
    expect(received - taken).toBeLessThan(1 << 20);
  });

  it('make the connection wait, and take what TLS has decrypted by then', () => {
    const buffers = createReceiveBuffers();
    let received = 0;
    while (receive(buffers, 16_384, received)) received += 16_384;
    received += 16_384;
    expect(received).toBeLessThanOrEqual(1 << 19);
    for (let record = 0; record < 8; record++, received += 16_384) receive(buffers, 16_384, received);
    let taken = 0;
    for (let piece = buffers.take(); piece.length > 0; piece = buffers.take()) {
      expect(piece.every((byte, i) => byte === (taken + i) % 251)).toBe(true);
      taken += piece.length;
    }
    expect(taken).toBe(received);
  });
});

import { expect, it } from 'vitest';
import { createByteSpace } from './byte-space.ts';

it('holds the bytes of all chunks in their order, up to the limit', () => {
  const space = createByteSpace({ maxBytes: 200_001 });
  const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  for (let at = 0; at < bytes.length; at += 7) expect(space.add(bytes.subarray(at, at + 7))).toBe(true);
  expect(Buffer.compare(space.view(), bytes)).toBe(0);
  expect(space.add(Uint8Array.of(1, 2))).toBe(false);
  expect(Buffer.compare(space.take(), bytes)).toBe(0);
  expect(space.take().buffer.byteLength).toBe(bytes.length);
});

it('keeps no chunk, so small chunks of large buffers take no more than their bytes', () => {
  const space = createByteSpace({ maxBytes: 10 });
  const chunk = Uint8Array.of(1);
  space.add(chunk);
  chunk[0] = 2;
  expect(space.take()).toEqual(Uint8Array.of(1));
});

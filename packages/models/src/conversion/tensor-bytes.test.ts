import { describe, expect, it } from 'vitest';
import { readPaired, widenToFloats } from './tensor-bytes.ts';

/** Copies each piece before the next one, which may use its memory. */
const collect = (pieces: Iterable<Uint8Array>): Buffer =>
  Buffer.concat(Array.from(pieces, (piece) => Uint8Array.from(piece)));

/** Yields pieces of an odd size, so that they cut values and rows. */
function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('rows of queries and keys', () => {
  it.each([
    ['short', 6, 2],
    ['longer than a piece', 3_000_001, 1],
  ])('that are %s become neighbours', (_, rowBytes, heads) => {
    const rows = 4 * heads;
    const bytes = new Uint8Array(rows * rowBytes);
    for (let row = 0; row < rows; row++) {
      bytes.fill(16 * row, row * rowBytes, (row + 1) * rowBytes);
      bytes[(row + 1) * rowBytes - 1] = 16 * row + 15;
    }
    const tensor = { name: 'q', dtype: 'F16', path: '', offset: 0, shape: [rows, rowBytes], sizeBytes: bytes.length };
    const read = (_: unknown, from = 0, to = bytes.length) => cut(bytes.subarray(from, to), 999_983);
    const pieces = [...readPaired({ read }, tensor, heads)].map((piece) => piece.length);
    expect(Math.max(...pieces)).toBeLessThanOrEqual(Math.max(4 * 2 ** 20, 2 * rowBytes));
    const found = collect(readPaired({ read }, tensor, heads));
    const order = Array.from({ length: rows }, (_, row) => (found[row * rowBytes] as number) >> 4);
    expect(order).toEqual(heads === 2 ? [0, 2, 1, 3, 4, 6, 5, 7] : [0, 2, 1, 3]);
    const expected = order.map((row) => bytes.subarray(row * rowBytes, (row + 1) * rowBytes));
    expect(found.equals(Buffer.concat(expected))).toBe(true);
  });
});

describe('widened values', () => {
  it('of f16 are exact, for each of its bits', () => {
    const halves = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);
    const found = collect(widenToFloats('F16', cut(new Uint8Array(halves.buffer), 4_095)));
    const wrong = [...halves].filter((half) => !Object.is(found.readFloatLE(4 * half), computeHalf(half)));
    expect(wrong).toEqual([]);
  });

  it('of bf16 have the same first bits', () => {
    const found = collect(widenToFloats('BF16', cut(Uint8Array.of(0x80, 0x3f, 0x49, 0xc0), 3)));
    expect([found.readFloatLE(0), found.readFloatLE(4)]).toEqual([1, -3.140625]);
  });
});

/** The value of an f16 by its definition (IEEE 754). */
function computeHalf(half: number): number {
  const sign = half >> 15 === 0 ? 1 : -1;
  const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

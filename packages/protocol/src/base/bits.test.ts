import { describe, expect, it } from 'vitest';
import { createBitReader, createBitWriter } from './bits.ts';
import { createSeededRandom } from './seeded-random.ts';

describe('runs of a bit string', () => {
  const random = createSeededRandom(3);
  const below = (limit: number): number => Math.floor(random() * limit);
  const out = new Uint32Array(64);

  it('read the same as single reads, from any bit, and nothing near the end', () => {
    let runs = 0;
    for (let i = 0; i < 500; i++) {
      const [width, parameter, skip, count] = [1 + below(24), below(25), below(9), below(65)];
      const writer = createBitWriter();
      const ids = Array.from({ length: count }, () => below(2 ** width));
      // Short codes, codes that just fit, and escaped codes.
      const codes = Array.from({ length: count }, () =>
        below(Math.min(2 ** (parameter + [1, 4, 6][below(3)]!), 2 ** 26)),
      );
      writer.put(0, skip);
      for (const id of ids) writer.put(id, width);
      for (const code of codes) writer.putRice(code, parameter);
      for (let left = below(60); left > 0; left--) writer.put(0, 1);
      const bytes = writer.take();
      const reader = createBitReader(bytes);
      reader.get(skip);
      const isRead = (done: number, values: readonly number[], one: () => number): void => {
        expect([0, count]).toContain(done);
        if (done > 0) runs++;
        expect(values.map((_, at) => (at < done ? out[at]! : one()))).toEqual(values);
      };
      isRead(reader.getRun(width, count, out), ids, () => reader.get(width));
      isRead(reader.getRiceRun(parameter, count, out), codes, () => reader.getRice(parameter));
    }
    expect(runs).toBeGreaterThan(300);
    expect(createBitReader(Uint8Array.of(1, 2, 3, 4)).getRun(8, 1, out)).toBe(0);
  });

  it('stop before a non-canonical code', () => {
    const writer = createBitWriter();
    writer.putRice(5, 2);
    writer.put(2 ** 12 - 1, 12);
    writer.put(7, 26);
    for (let i = 0; i < 20; i++) writer.put(0, 8);
    const reader = createBitReader(writer.take());
    expect(reader.getRiceRun(2, 3, out)).toBe(1);
    expect(out[0]).toBe(5);
    expect(() => reader.getRice(2)).toThrow('non-canonical');
  });
});

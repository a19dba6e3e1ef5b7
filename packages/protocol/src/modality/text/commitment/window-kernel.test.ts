import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DrawRow, decodeDraws, decodeRows, encodeDraws, idBits } from './window.ts';
import { openRowDecoder, type WindowLayout } from './window-kernel.ts';
import { MAX_PARAMETER, WINDOW_TOKENS } from './window-limits.ts';

const seed = Number(process.env.OGONG_SEED ?? 1);
const decode = openRowDecoder();
if (decode === undefined) throw new Error('this host does not run WebAssembly');

/** Version, positions, number of runs, one run, Rice parameter. */
const HEAD_BYTES = 6;

const rowOf = (vocabularySize: number): fc.Arbitrary<DrawRow> =>
  fc
    .record({
      listed: fc.uniqueArray(fc.nat(vocabularySize - 1), { minLength: 2, maxLength: Math.min(65, vocabularySize) }),
      steps: fc.array(fc.oneof(fc.nat(300), fc.nat(2 ** 17), fc.constantFrom(0, 2 ** 24 - 1)), {
        minLength: 64,
        maxLength: 64,
      }),
      isFalling: fc.boolean(),
      tail: fc.nat(2 ** 24 - 1),
      place: fc.nat(),
    })
    .map(({ listed, steps, isFalling, tail, place }) => {
      const ids = Uint32Array.from(listed.slice(1));
      let cost = 0;
      const q = Uint32Array.from(ids, (_, i) => {
        cost = isFalling ? (steps[i] as number) : Math.min(2 ** 24 - 1, cost + (steps[i] as number));
        return cost;
      });
      const rank = (place % (ids.length + 1)) - 1;
      if (rank >= 0) return { ids, q, tail, rank };
      return { ids, q, tail, rank, tailId: listed[0] as number, tailQ: steps[0] as number };
    });

const windowOf = fc.constantFrom(2, 3, 20, 64, 512, 32_000, 262_144, 2 ** 24).chain((vocabularySize) =>
  fc.record({
    vocabularySize: fc.constant(vocabularySize),
    rows: fc.array(rowOf(vocabularySize), { minLength: 1, maxLength: WINDOW_TOKENS }),
  }),
);

const encode = ({ vocabularySize, rows }: { vocabularySize: number; rows: DrawRow[] }): Uint8Array =>
  encodeDraws({ rows, runs: [{ length: rows.length, shapeClass: 0 }] }, { vocabularySize });

function layoutOf(bytes: Uint8Array, vocabularySize: number): WindowLayout {
  const [, count = 1, , , , parameter = 0] = bytes;
  return { start: HEAD_BYTES, count, width: idBits(vocabularySize), parameter, vocabularySize };
}

const attempt = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as Error).message;
  }
};

describe('decoding in WebAssembly', () => {
  it('reads every window that is encoded', () => {
    fc.assert(
      fc.property(windowOf, (window) => {
        const bytes = encode(window);
        expect(decode(bytes, layoutOf(bytes, window.vocabularySize))).toEqual(window.rows);
      }),
      { seed, numRuns: 150 },
    );
  });

  it('reads nothing else, however a window is bent, and the errors stay the same', () => {
    let refused = 0;
    fc.assert(
      fc.property(
        windowOf,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
        fc.integer({ min: -2, max: 2 }),
        fc.nat(MAX_PARAMETER),
        fc.boolean(),
        (window, changes, grown, parameter, isOtherParameter) => {
          const honest = encode(window);
          const bytes = new Uint8Array(Math.max(HEAD_BYTES, honest.length + grown));
          bytes.set(honest.subarray(0, bytes.length));
          for (const [at, value] of changes)
            if (bytes.length > HEAD_BYTES) bytes[HEAD_BYTES + (at % (bytes.length - HEAD_BYTES))] = value;
          if (isOtherParameter) bytes[HEAD_BYTES - 1] = parameter;
          const layout = layoutOf(bytes, window.vocabularySize);
          const expected = attempt(() => decodeRows(bytes, layout, false));
          const found = decode(bytes, layout);
          if (typeof expected === 'string') {
            refused++;
            expect(found).toBeUndefined();
          } else expect(found).toEqual(expected);
          const whole = attempt(() => decodeDraws(bytes, window).rows);
          expect(whole).toEqual(expected);
        },
      ),
      { seed, numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it.each([
    ['an id listed twice', { ids: Uint32Array.of(4, 9, 4), q: Uint32Array.of(1, 2, 3) }],
    ['an id beyond the vocabulary', { ids: Uint32Array.of(4, 999), q: Uint32Array.of(1, 2) }],
    ['a cost beyond its limit', { ids: Uint32Array.of(4, 9), q: Uint32Array.of(2 ** 24 - 1, 2 ** 24) }],
    ['a listed tail token', { ids: Uint32Array.of(4, 9), q: Uint32Array.of(1, 2), rank: -1, tailId: 9, tailQ: 7 }],
  ])('refuses %s, and remembers nothing of it', (_what, bent) => {
    const plain: DrawRow = { ids: Uint32Array.of(4, 9), q: Uint32Array.of(1, 2), tail: 0, rank: 0 };
    const [good, bad] = [[plain], [plain, { ...plain, ...bent }]].map((rows) =>
      encode({ vocabularySize: 600, rows }),
    ) as [Uint8Array, Uint8Array];
    expect(decode(bad, layoutOf(bad, 600))).toBeUndefined();
    expect(decode(good, layoutOf(good, 600))).toEqual([plain]);
  });
});

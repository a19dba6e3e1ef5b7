import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { compareBytes } from './bytes.ts';
import {
  bytes,
  bytes16,
  bytes32,
  type Codec,
  constant,
  createFormat,
  f64,
  flag,
  i32,
  i64,
  list,
  oneOf,
  optional,
  plainText,
  safeInteger,
  struct,
  text,
  tuple,
  u8,
  u16,
  u32,
  u64,
  u128,
  union,
} from './codec.ts';

/** A codec and values that it accepts, generated together. */
interface Sample {
  readonly codec: Codec<unknown>;
  readonly values: fc.Arbitrary<unknown>;
}

const ofBytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

const leaves: readonly Sample[] = [
  { codec: u8, values: fc.nat(255) },
  { codec: u16, values: fc.nat(0xffff) },
  { codec: u32, values: fc.nat(2 ** 31 - 1) },
  { codec: i32, values: fc.integer() },
  { codec: u64, values: fc.bigInt(0n, (1n << 64n) - 1n) },
  { codec: i64, values: fc.bigInt(-(1n << 63n), (1n << 63n) - 1n) },
  { codec: u128, values: fc.bigInt(0n, (1n << 128n) - 1n) },
  { codec: safeInteger, values: fc.maxSafeNat() },
  { codec: f64, values: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)) },
  { codec: flag, values: fc.boolean() },
  { codec: bytes(5), values: ofBytes(5, 5) },
  { codec: bytes16(6), values: ofBytes(0, 6) },
  { codec: bytes32(6), values: ofBytes(0, 6) },
  { codec: text(64), values: fc.string({ unit: 'binary', maxLength: 16 }) },
  { codec: plainText(9), values: fc.stringMatching(/^[!-~]{1,9}$/) },
  { codec: constant('only'), values: fc.constant('only') },
  { codec: oneOf(['a', 'b', 'c']), values: fc.constantFrom('a', 'b', 'c') },
  {
    codec: list(bytes(3), { count: u8, max: 5, ascending: compareBytes }),
    values: fc
      .uniqueArray(ofBytes(3, 3), { maxLength: 5, comparator: (a, b) => compareBytes(a, b) === 0 })
      .map((items) => items.sort(compareBytes)),
  },
];

const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...leaves),
    fc.tuple(tie('sample'), tie('sample')).map(([a, b]) => ({
      codec: struct({ a: a.codec, b: b.codec }),
      values: fc.record({ a: a.values, b: b.values }),
    })),
    tie('sample').map(({ codec, values }) => ({
      codec: list(codec, { count: u16, max: 4 }),
      values: fc.array(values, { maxLength: 4 }),
    })),
    tie('sample').map(({ codec, values }) => ({
      codec: tuple(codec, 2),
      values: fc.tuple(values, values),
    })),
    tie('sample').map(({ codec, values }) => ({
      codec: optional(codec),
      values: fc.option(values, { nil: undefined }),
    })),
    fc.tuple(tie('sample'), tie('sample')).map(([a, b]) => ({
      codec: union('kind', { first: struct({ value: a.codec }), second: struct({ value: b.codec }) }),
      values: fc.oneof(
        fc.record({ kind: fc.constant('first'), value: a.values }),
        fc.record({ kind: fc.constant('second'), value: b.values }),
      ),
    })),
  ),
}));

describe('any description', () => {
  it('has one byte string for a value and one value for a byte string', () => {
    const descriptions = fc.sample(sample, { seed: 15, numRuns: 120 });
    for (const { codec, values } of descriptions) {
      const format = createFormat(codec, { tag: 'fuzz-v1' });
      checkCodec(values, format.encode, format.decode);
    }
  });
});

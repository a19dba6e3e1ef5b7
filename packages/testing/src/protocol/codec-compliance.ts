import { concatBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import fc from 'fast-check';
import { expect } from 'vitest';

/** Checks a canonical encoding: it round-trips, and no other byte string parses to the same value. */
export function checkCodec<T>(
  any: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  parse: (bytes: Uint8Array) => T,
): void {
  fc.assert(
    fc.property(any, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, mask) => {
      const bytes = encode(value);
      expect(parse(bytes)).toEqual(value);
      expect(() => parse(bytes.subarray(0, at % bytes.length))).toThrow(ProtocolError);
      expect(() => parse(concatBytes(bytes, Uint8Array.of(0)))).toThrow(ProtocolError);
      bytes[at % bytes.length]! ^= mask;
      try {
        expect(encode(parse(bytes))).toEqual(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    { seed: 53 },
  );
}

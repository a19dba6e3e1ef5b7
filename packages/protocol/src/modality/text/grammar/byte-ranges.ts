import type { CodePointRange } from './expression.ts';

/** Bytes from the first to the last, one pair for each byte of a character. */
export type ByteSequence = readonly (readonly [first: number, last: number])[];

/** The largest character of one, two, three and four bytes. */
const LAST_OF_LENGTH = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/**
 * Splits a range of characters into UTF-8 byte sequences in which every byte is free within its range.
 * @param range without surrogates.
 */
export function toByteSequences([first, last]: CodePointRange): ByteSequence[] {
  for (const limit of LAST_OF_LENGTH) {
    if (first <= limit && limit < last)
      return [...toByteSequences([first, limit]), ...toByteSequences([limit + 1, last])];
  }
  if (last <= 0x7f) return [[[first, last]]];
  // Split if the bytes after the first differing one do not span their whole range.
  for (let bits = 6; bits <= 18; bits += 6) {
    const mask = (1 << bits) - 1;
    if (first >> bits === last >> bits) continue;
    if ((first & mask) !== 0)
      return [...toByteSequences([first, first | mask]), ...toByteSequences([(first | mask) + 1, last])];
    if ((last & mask) !== mask)
      return [...toByteSequences([first, (last & ~mask) - 1]), ...toByteSequences([last & ~mask, last])];
  }
  const low = encodeCharacter(first);
  const high = encodeCharacter(last);
  return [low.map((byte, i) => [byte, high[i] as number] as const)];
}

const encodeCharacter = (codePoint: number): number[] => [...new TextEncoder().encode(String.fromCodePoint(codePoint))];

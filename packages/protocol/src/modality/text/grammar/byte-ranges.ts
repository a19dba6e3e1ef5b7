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

/** Returns the bytes of a character in UTF-8. */
function encodeCharacter(codePoint: number): number[] {
  const rest = (bits: number): number => 0x80 | ((codePoint >> bits) & 0x3f);
  if (codePoint <= 0x7f) return [codePoint];
  if (codePoint <= 0x7ff) return [0xc0 | (codePoint >> 6), rest(0)];
  if (codePoint <= 0xffff) return [0xe0 | (codePoint >> 12), rest(6), rest(0)];
  return [0xf0 | (codePoint >> 18), rest(12), rest(6), rest(0)];
}

import { ProtocolError } from './bytes.ts';

/** Bit strings, most significant bit first; the last byte is padded with zeros. A reader refuses other padding. */
export interface BitWriter {
  /** @param width 0..32. */
  put(value: number, width: number): void;
  /** Golomb-Rice: value >> parameter in unary (ones, then a zero), then the low `parameter` bits. */
  putRice(value: number, parameter: number): void;
  /** The bytes so far, padded; the writer starts again empty. */
  take(): Uint8Array;
}

/** The number of ones after which the value itself follows in 26 bits. This bounds the unary part. */
export const RICE_ESCAPE = 12;
export const RICE_ESCAPE_BITS = 26;
/** The number of bits that a peek reads, from the start of a byte. */
const PEEK_BITS = 32;

export function createBitWriter(initialCapacity = 4096): BitWriter {
  let buffer = new Uint8Array(initialCapacity);
  let length = 0;
  let pending = 0;
  let pendingBits = 0;
  const writer: BitWriter = {
    put(value, width) {
      let left = width;
      while (left > 0) {
        const room = 8 - pendingBits;
        const taken = Math.min(room, left);
        left -= taken;
        pending = (pending << taken) | ((value >>> left) & ((1 << taken) - 1));
        pendingBits += taken;
        if (pendingBits === 8) {
          if (length === buffer.length) {
            const grown = new Uint8Array(buffer.length * 2);
            grown.set(buffer);
            buffer = grown;
          }
          buffer[length++] = pending;
          pending = 0;
          pendingBits = 0;
        }
      }
    },
    putRice(value, parameter) {
      const quotient = value >>> parameter;
      if (quotient >= RICE_ESCAPE) {
        writer.put((1 << RICE_ESCAPE) - 1, RICE_ESCAPE);
        writer.put(value, RICE_ESCAPE_BITS);
        return;
      }
      writer.put(((1 << quotient) - 1) << 1, quotient + 1);
      writer.put(value, parameter);
    },
    take() {
      if (pendingBits > 0) writer.put(0, 8 - pendingBits);
      const out = buffer.slice(0, length);
      length = 0;
      return out;
    },
  };
  return writer;
}

export interface BitReader {
  get(width: number): number;
  getRice(parameter: number): number;
  /**
   * Reads `count` values as `get` does, but only if enough bits are left that no read can fail.
   * @param width 1..25.
   * @returns the number of values read: all or none.
   */
  getRun(width: number, count: number, out: Uint32Array): number;
  /**
   * Does the same for `getRice`.
   * @returns the number of values read: 0 near the end, otherwise all before the first code that must be refused.
   */
  getRiceRun(parameter: number, count: number, out: Uint32Array): number;
  /** @throws ProtocolError unless only zero padding within the last byte is left. */
  end(): void;
}

/** Creates a reader. @throws ProtocolError (each method) past the end, or on a non-canonical code. */
export function createBitReader(bytes: Uint8Array, start = 0): BitReader {
  const limit = bytes.length * 8;
  let position = start * 8;
  /** The next 25 bits or more, left-aligned in 32; zeros past the end. */
  const peek = (): number => {
    const at = position >> 3;
    const word =
      ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    return word << (position & 7);
  };
  const take = (width: number): void => {
    position += width;
    if (position > limit) throw new ProtocolError('malformed', 'truncated bit string');
  };
  const getUpTo25 = (width: number): number => {
    if (width === 0) return 0;
    const value = peek() >>> (32 - width);
    take(width);
    return value;
  };
  const reader: BitReader = {
    get(width) {
      if (width <= 25) return getUpTo25(width);
      const high = getUpTo25(width - 16);
      return high * 2 ** 16 + getUpTo25(16);
    },
    getRice(parameter) {
      // Leading ones of the next bits; the escape is shorter than a peek.
      const ones = Math.clz32(~peek());
      if (ones < RICE_ESCAPE) {
        take(ones + 1);
        return ones * 2 ** parameter + getUpTo25(parameter);
      }
      take(RICE_ESCAPE);
      const value = reader.get(RICE_ESCAPE_BITS);
      if (value >>> parameter < RICE_ESCAPE) throw new ProtocolError('malformed', 'non-canonical Rice code');
      return value;
    },
    getRun(width, count, out) {
      if (position + count * width + PEEK_BITS > limit) return 0;
      let bit = position;
      for (let i = 0; i < count; i++, bit += width) out[i] = word(bytes, bit) >>> (32 - width);
      position = bit;
      return count;
    },
    getRiceRun(parameter, count, out) {
      if (position + count * (RICE_ESCAPE + RICE_ESCAPE_BITS) + PEEK_BITS > limit) return 0;
      let bit = position;
      let done = 0;
      for (; done < count; done++) {
        const bits = word(bytes, bit);
        const ones = Math.clz32(~bits);
        if (ones < RICE_ESCAPE) {
          bit += ones + 1;
          const length = ones + 1 + parameter;
          // Code and remainder usually fit in one peek.
          const low = length <= 25 ? bits << (ones + 1) : word(bytes, bit);
          out[done] = parameter === 0 ? ones : ones * 2 ** parameter + (low >>> (32 - parameter));
          bit += parameter;
        } else {
          const at = bit + RICE_ESCAPE;
          const value = (word(bytes, at) >>> 22) * 2 ** 16 + (word(bytes, at + 10) >>> 16);
          if (value >>> parameter < RICE_ESCAPE) break;
          out[done] = value;
          bit = at + RICE_ESCAPE_BITS;
        }
      }
      position = bit;
      return done;
    },
    end() {
      const padding = limit - position;
      if (padding >= 8 || getUpTo25(padding) !== 0) throw new ProtocolError('malformed', 'bits left over');
    },
  };
  return reader;
}

/** 25 bits or more, left-aligned in 32. The caller knows that all their bytes exist. */
function word(bytes: Uint8Array, bit: number): number {
  const at = bit >> 3;
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) << (bit & 7);
}

/** Buffers for the bytes of one connection. They are used again: fresh ones would keep the garbage collector busy. */
export interface ReceiveBuffers {
  /** Returns where the next bytes go. */
  space(): Uint8Array;
  /** Counts bytes that were written into the space. @returns whether more may come before the next `take`. */
  add(bytes: number): boolean;
  /** Returns unread bytes, which are valid until the next call, or none. */
  take(): Uint8Array;
}

const COUNT = 4;
const SIZE_BYTES = 1 << 18;
/** A smaller rest of a buffer is left empty. */
const LEAST_SPACE_BYTES = 1 << 16;
/** Buffers that the reader has not left yet when the connection has to wait. TLS passes on what it has decrypted even then. */
const MOST_UNREAD = COUNT - 2;

/** Creates the buffers, a ring. The reader follows the connection and is never overtaken. */
export function createReceiveBuffers(): ReceiveBuffers {
  const buffers = Array.from({ length: COUNT }, () => new Uint8Array(SIZE_BYTES));
  const ends = new Array<number>(COUNT).fill(0);
  /** The buffers of both sides, counted from the first one that was ever filled, and the bytes taken of the reader's. */
  let filling = 0;
  let reading = 0;
  let taken = 0;
  const bufferAt = (turn: number): Uint8Array => buffers[turn % COUNT] as Uint8Array;
  const endOf = (turn: number): number => ends[turn % COUNT] as number;
  return {
    space: () => bufferAt(filling).subarray(endOf(filling)),
    add(bytes) {
      ends[filling % COUNT] = endOf(filling) + bytes;
      if (SIZE_BYTES - endOf(filling) >= LEAST_SPACE_BYTES) return true;
      // The reader may still use the next buffer. Then the rest of this one is all that is left.
      if (filling + 1 - reading >= COUNT) return false;
      filling++;
      ends[filling % COUNT] = 0;
      return filling - reading < MOST_UNREAD;
    },
    take() {
      if (taken === endOf(reading) && reading < filling) {
        reading++;
        taken = 0;
      }
      const piece = bufferAt(reading).subarray(taken, endOf(reading));
      taken += piece.length;
      return piece;
    },
  };
}

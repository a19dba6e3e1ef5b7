/** Space for bytes before any of them has arrived. A sender that states a length and sends nothing takes no more. */
const FIRST_BYTES = 64 * 1024;

/** Collects the chunks of a body. */
export interface ByteSpace {
  /**
   * Copies a chunk: a body of one byte a chunk would hold a hundred times its size otherwise.
   * @returns false if the bytes are too many; the chunk is dropped then.
   */
  add(chunk: Uint8Array): boolean;
  /** The collected bytes, without a copy. */
  view(): Uint8Array<ArrayBuffer>;
  /** The collected bytes, in a buffer of their own length. */
  take(): Uint8Array<ArrayBuffer>;
}

/** @param statedBytes the length that the sender states. Default: `maxBytes`. */
export function createByteSpace({
  maxBytes,
  statedBytes = maxBytes,
}: {
  readonly maxBytes: number;
  readonly statedBytes?: number;
}): ByteSpace {
  let held = new Uint8Array(Math.min(statedBytes, FIRST_BYTES));
  let length = 0;
  return {
    add(chunk) {
      const at = length;
      if (at + chunk.length > maxBytes) return false;
      length += chunk.length;
      if (length > held.length) held = widen(held, Math.max(length, Math.min(statedBytes, 2 * held.length)));
      held.set(chunk, at);
      return true;
    },
    view: () => held.subarray(0, length),
    take: () => (length === held.length ? held : held.slice(0, length)),
  };
}

function widen(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const wider = new Uint8Array(length);
  wider.set(bytes);
  return wider;
}

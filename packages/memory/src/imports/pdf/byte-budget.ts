const BUFFERS = [
  ...['ArrayBuffer', 'SharedArrayBuffer', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array'],
  ...['Int32Array', 'Uint32Array', 'Float16Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'],
];

type BufferConstructor = (new (...given: unknown[]) => object) & { readonly BYTES_PER_ELEMENT?: number };

export interface ByteBudget {
  /** Whether a buffer was refused. */
  isSpent(): boolean;
}

/**
 * Limits the buffers that this process makes from now on, because Node has no flag for that. Buffers that were freed count too. Copies
 * by `slice` do not count.
 * @param maxBytes bytes of all buffers together. Beyond them constructors throw a RangeError.
 */
export function limitBuffers(maxBytes: number): ByteBudget {
  let left = maxBytes;
  for (const name of BUFFERS) {
    const made: BufferConstructor | undefined = Reflect.get(globalThis, name);
    if (made === undefined) continue;
    const limited: BufferConstructor = new Proxy(made, {
      construct(target, given, called) {
        left -= countElements(given[0]) * (target.BYTES_PER_ELEMENT ?? 1);
        if (left < 0) throw new RangeError(`buffers of more than ${maxBytes} bytes`);
        return Reflect.construct(target, given, called === limited ? target : called);
      },
    });
    Object.defineProperty(globalThis, name, { value: limited });
  }
  return { isSpent: () => left < 0 };
}

/** Counts the elements of a new array. A view of a buffer takes no memory of its own, so it has none. */
function countElements(given: unknown): number {
  if (typeof given === 'number') return given > 0 ? given : 0;
  const length = typeof given === 'object' && given !== null && 'length' in given ? given.length : 0;
  return typeof length === 'number' ? length : 0;
}

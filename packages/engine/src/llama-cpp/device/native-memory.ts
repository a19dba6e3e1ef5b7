import koffi from 'koffi';

/** Native memory that stays put, with a typed view on it. */
export function allocateNative<T>(
  bytes: number,
  view: (buffer: ArrayBuffer) => T,
): { pointer: unknown; view: T; address: bigint } {
  const pointer = koffi.alloc('uint8', bytes);
  return { pointer, view: view(koffi.view(pointer, bytes) as ArrayBuffer), address: koffi.address(pointer) };
}

/** A typed window on memory that llama.cpp owns; valid until the next decode. */
export function viewFloats(pointer: unknown, length: number): Float32Array {
  return new Float32Array(koffi.view(pointer, length * 4) as ArrayBuffer);
}

export const addressOf = (pointer: unknown): bigint => koffi.address(pointer);

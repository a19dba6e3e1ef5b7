import { ProtocolError } from '../../base/bytes.ts';

/** Bytes of a value in a blob, such as one of a latent: f32, little-endian. */
export const VALUE_BYTES = 4;

/** @returns new bytes. */
export function encodeValues(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length * VALUE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat32(VALUE_BYTES * i, values[i] as number, true);
  return bytes;
}

/** @throws ProtocolError `malformed` unless these are so many finite values. */
export function decodeValues(bytes: Uint8Array, count: number): Float32Array {
  if (bytes.length !== count * VALUE_BYTES)
    throw new ProtocolError('malformed', `${bytes.length} bytes are not ${count} values`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const value = view.getFloat32(VALUE_BYTES * i, true);
    if (!Number.isFinite(value)) throw new ProtocolError('malformed', `value ${i} is ${value}`);
    values[i] = value;
  }
  return values;
}

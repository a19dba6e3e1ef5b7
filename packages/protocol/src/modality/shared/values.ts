import { ProtocolError } from '../../base/bytes.ts';

/** Bytes of a value in a blob, such as one of a latent: f32, little-endian. */
export const VALUE_BYTES = 4;

/** Whether this machine stores numbers as blobs do. Nearly every machine does, and copying is then ten times faster. */
const IS_LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Encodes values for a reader that keeps none of the bytes. @returns a view of the values where the machine allows it. */
export const viewValues = (values: Float32Array): Uint8Array =>
  IS_LITTLE ? new Uint8Array(values.buffer, values.byteOffset, values.byteLength) : encodeValues(values);

/** @returns new bytes. */
export function encodeValues(values: Float32Array): Uint8Array {
  if (IS_LITTLE) return viewValues(values).slice();
  const bytes = new Uint8Array(values.length * VALUE_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat32(VALUE_BYTES * i, values[i] as number, true);
  return bytes;
}

/** Decodes values that nobody has checked. @returns `malformed` unless these are so many finite values. */
export function readValues(bytes: Uint8Array, count: number): Float32Array | 'malformed' {
  try {
    return decodeValues(bytes, count);
  } catch (error) {
    if (error instanceof ProtocolError) return 'malformed';
    throw error;
  }
}

/** @throws ProtocolError `malformed` unless these are so many finite values. */
export function decodeValues(bytes: Uint8Array, count: number): Float32Array {
  if (bytes.length !== count * VALUE_BYTES)
    throw new ProtocolError('malformed', `${bytes.length} bytes are not ${count} values`);
  const values = copyValues(bytes);
  for (let i = 0; i < count; i++)
    if (!Number.isFinite(values[i])) throw new ProtocolError('malformed', `value ${i} is ${values[i]}`);
  return values;
}

/** Reads values of any bits, four bytes each. @returns a view of the bytes where the machine and their alignment allow it. */
export const viewAsValues = (bytes: Uint8Array): Float32Array =>
  IS_LITTLE && bytes.byteOffset % VALUE_BYTES === 0
    ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / VALUE_BYTES)
    : copyValues(bytes);

function copyValues(bytes: Uint8Array): Float32Array {
  if (IS_LITTLE) return new Float32Array(new Uint8Array(bytes).buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / VALUE_BYTES }, (_, i) => view.getFloat32(VALUE_BYTES * i, true));
}

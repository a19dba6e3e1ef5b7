import { createReader, createWriter, ProtocolError, utf8Decode, utf8Encode } from '../../base/bytes.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { countValues, type Tensor, type TensorType, TYPE_BYTES } from './tensor-form.ts';

/** One value as a program holds it. Only int64 has bigints. */
export type TensorValue = number | bigint | boolean | string;

type Fixed = Exclude<TensorType, 'string'>;

const WRITERS: Readonly<Record<Fixed, (view: DataView, at: number, value: TensorValue) => void>> = {
  float32: (view, at, value) => view.setFloat32(at, value as number, true),
  float64: (view, at, value) => view.setFloat64(at, value as number, true),
  int32: (view, at, value) => view.setInt32(at, value as number, true),
  int64: (view, at, value) => view.setBigInt64(at, value as bigint, true),
  uint8: (view, at, value) => view.setUint8(at, value as number),
  bool: (view, at, value) => view.setUint8(at, value ? 1 : 0),
};

const READERS: Readonly<Record<Fixed, (view: DataView, at: number) => TensorValue>> = {
  float32: (view, at) => view.getFloat32(at, true),
  float64: (view, at) => view.getFloat64(at, true),
  int32: (view, at) => view.getInt32(at, true),
  int64: (view, at) => view.getBigInt64(at, true),
  uint8: (view, at) => view.getUint8(at),
  bool: (view, at) => view.getUint8(at) === 1,
};

/**
 * Encodes values that have the type: little endian, bool as 0 or 1, a string as u32 big-endian length and UTF-8. JavaScript writes
 * every NaN with the same bits.
 */
export function encodeTensorData(dtype: TensorType, values: readonly TensorValue[]): Uint8Array {
  if (dtype === 'string') {
    const writer = createWriter();
    for (const value of values) writer.bytes32(utf8Encode(value as string));
    return writer.finish();
  }
  const size = TYPE_BYTES[dtype];
  const data = new Uint8Array(size * values.length);
  const view = new DataView(data.buffer);
  const write = WRITERS[dtype];
  values.forEach((value, i) => {
    write(view, i * size, value);
  });
  return data;
}

/** Decodes the values of a tensor. @throws ProtocolError `malformed` unless the bytes are so many values of the type. */
export function decodeTensorData({ dtype, shape, data }: Omit<Tensor, 'name'>): TensorValue[] {
  const count = countValues(shape);
  if (dtype === 'string') return decodeStrings(data, count);
  const size = TYPE_BYTES[dtype];
  if (data.length !== size * count)
    throw new ProtocolError('malformed', `${data.length} bytes are not ${count} values of ${dtype}`);
  if (dtype === 'bool' && data.some((byte) => byte > 1)) throw new ProtocolError('malformed', 'a bool besides 0 and 1');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = READERS[dtype];
  return Array.from({ length: count }, (_, i) => read(view, i * size));
}

function decodeStrings(data: Uint8Array, count: number): string[] {
  const reader = createReader(data);
  const values: string[] = [];
  while (values.length < count) values.push(utf8Decode(reader.bytes32(MAX_RESPONSE_BYTES)));
  reader.end();
  return values;
}

export const isFloatType = (dtype: TensorType): dtype is 'float32' | 'float64' =>
  dtype === 'float32' || dtype === 'float64';

/** Gives a committed float its one spelling: zero is +0, and a NaN has the bits 7fc00000 or 7ff8000000000000. */
export const canonicalFloat = (value: number): number => (Number.isNaN(value) ? Number.NaN : value + 0);

/**
 * Makes the committed form of an engine's output.
 * @param output values of any bits; not mutated. @throws ProtocolError `malformed` for bytes of another form.
 */
export function canonicalTensor(output: Tensor): Tensor {
  const values = decodeTensorData(output);
  if (!isFloatType(output.dtype)) return output;
  return { ...output, data: encodeTensorData(output.dtype, (values as number[]).map(canonicalFloat)) };
}

/** Asserts that a tensor has its committed form. @throws ProtocolError `malformed` */
export function assertCanonical(tensor: Tensor): void {
  const { data } = canonicalTensor(tensor);
  const wrong = data.findIndex((byte, i) => byte !== tensor.data[i]);
  if (wrong >= 0) throw new ProtocolError('malformed', `byte ${wrong} of ${tensor.name}: a float of another spelling`);
}

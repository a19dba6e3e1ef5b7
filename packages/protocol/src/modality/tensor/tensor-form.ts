import { ProtocolError } from '../../base/bytes.ts';
import { type Codec, type CodecType, list, oneOf, refine, struct, text, u8, u32, within } from '../../base/codec.ts';

/** Types of values, in the order of their codes in headers and responses. */
export const TENSOR_TYPES = ['float32', 'float64', 'int32', 'int64', 'uint8', 'bool', 'string'] as const;
export type TensorType = (typeof TENSOR_TYPES)[number];

/** Bytes of one value. A string has a u32 length and its UTF-8. */
export const TYPE_BYTES: Readonly<Record<Exclude<TensorType, 'string'>, number>> = {
  ...{ float32: 4, float64: 8, int32: 4, int64: 8, uint8: 1, bool: 1 },
};

/** The most tensors of a request, and of a reply. */
export const MAX_TENSORS = 64;
export const MAX_DIMENSIONS = 8;
const MAX_SIZE = 2 ** 31 - 1;
/** The most values of one tensor: strings without a letter still have a length. */
export const MAX_VALUES = 2 ** 20;
/** The longest name of a tensor, UTF-8 bytes. A header has room for the names of all outputs. */
export const MAX_TENSOR_NAME = 128;

export const tensorName: Codec<string> = refine(text(MAX_TENSOR_NAME), (name) => {
  if (name.length === 0) throw new ProtocolError('malformed', 'a tensor without a name');
});
export const shapeCodec = list(within(u32, 0, MAX_SIZE), { count: u8, max: MAX_DIMENSIONS });

/** Everything about a tensor but its values. */
export const tensorFormCodec = refine(
  struct({ name: tensorName, dtype: oneOf(TENSOR_TYPES), shape: shapeCodec }),
  ({ shape }) => void countValues(shape),
);
export interface TensorForm extends CodecType<typeof tensorFormCodec> {}

/** A tensor with its values in canonical bytes (docs/spec/tensor.md#values). */
export interface Tensor extends TensorForm {
  readonly data: Uint8Array;
}

/** Counts the values of a shape; 1 for no dimension. @throws ProtocolError `too-large` */
export function countValues(shape: readonly number[]): number {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count > MAX_VALUES) throw new ProtocolError('too-large', `a tensor of ${count} values, at most ${MAX_VALUES}`);
  return count;
}

/** @throws ProtocolError `malformed` if two tensors have one name. */
export function assertDistinct(tensors: readonly { readonly name: string }[]): void {
  if (new Set(tensors.map(({ name }) => name)).size !== tensors.length)
    throw new ProtocolError('malformed', 'two tensors have one name');
}

import { decodeTensorData, encodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { EngineError } from '../../interface/engine-error.ts';
import type { OnnxTensor } from '../runtime/sessions.ts';

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** Makes the runtime's form of a tensor. Its arrays have the machine's byte order, which is little endian on all of them. */
export function toOnnxTensor(tensor: Tensor): OnnxTensor {
  const { dtype, shape, data } = tensor;
  if (dtype === 'string') {
    const strings = decodeTensorData(tensor) as string[];
    return { type: dtype, dims: shape, data: strings };
  }
  const copy = data.slice();
  return { type: dtype, dims: shape, data: new ARRAYS[dtype](copy.buffer) };
}

/** @throws EngineError if the output has a type that the protocol lacks. */
export function fromOnnxTensor(name: string, { type, dims, data }: OnnxTensor): Tensor {
  const shape = [...dims];
  if (type === 'string') {
    const strings = data as readonly string[];
    if (!strings.every((text) => text.isWellFormed()))
      throw new EngineError('invalid-request', `the output ${name} has a string that is no Unicode text`);
    return { name, dtype: type, shape, data: encodeTensorData(type, strings) };
  }
  const array = data as Uint8Array;
  return { name, dtype: type, shape, data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice() };
}

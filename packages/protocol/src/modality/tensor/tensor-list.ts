import { bytes32, type Codec, createFormat, list, oneOf, refine, struct, u8 } from '../../base/codec.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { assertCanonical, decodeTensorData } from './tensor-data.ts';
import {
  assertDistinct,
  MAX_TENSORS,
  shapeCodec,
  TENSOR_TYPES,
  type Tensor,
  type TensorForm,
  tensorName,
} from './tensor-form.ts';

/** The most bytes of the values of one tensor. A request of 1 MiB has fewer than 2^20 values of 8 bytes. */
const MAX_DATA_BYTES = 8 * 2 ** 20;

const tensorCodec: Codec<Tensor> = struct({
  name: tensorName,
  dtype: oneOf(TENSOR_TYPES),
  shape: shapeCodec,
  data: bytes32(MAX_DATA_BYTES),
});
const listOf = (codec: Codec<Tensor>): Codec<readonly Tensor[]> => list(codec, { count: u8, max: MAX_TENSORS });

const RESPONSE_TAG = 'ogong-tensors-v1';
const headsFormat = createFormat(listOf(tensorCodec), { tag: RESPONSE_TAG });
const responseFormat = createFormat(refine(listOf(refine(tensorCodec, assertCanonical)), assertDistinct), {
  tag: RESPONSE_TAG,
  maxBytes: MAX_RESPONSE_BYTES,
});
const inputsFormat = createFormat(listOf(refine(tensorCodec, (tensor) => void decodeTensorData(tensor))), {
  tag: 'ogong-tensor-inputs-v1',
});

/** Encodes the canonical response: all outputs in the order of the reply. @throws ProtocolError `too-large` above 1 MiB. */
export const encodeTensorResponse: (outputs: readonly Tensor[]) => Uint8Array = responseFormat.encode;
/** @throws ProtocolError */
export const parseTensorResponse: (bytes: Uint8Array) => readonly Tensor[] = responseFormat.decode;

const NO_DATA = new Uint8Array(0);

/** Computes the size of a canonical response from the forms of its outputs, before any value is read. */
export function computeResponseSize(
  outputs: readonly { readonly form: TensorForm; readonly sizeBytes: number }[],
): number {
  const heads = headsFormat.encode(outputs.map(({ form }) => ({ ...form, data: NO_DATA })));
  return outputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, heads.length);
}

/**
 * Hashes the tensors that a model reads, in the model's order, 32 bytes.
 * @param blind of the prompt (blinds.ts).
 */
export const hashTensorInputs = (crypto: Crypto, blind: Uint8Array, inputs: readonly Tensor[]): Uint8Array =>
  crypto.sha256(blind, inputsFormat.encode(inputs));

import { ProtocolError } from '../../base/bytes.ts';
import {
  address,
  type CodecType,
  constant,
  createFormat,
  hash,
  list,
  oneOf,
  refine,
  struct,
  text,
  u8,
  u16,
  u32,
  within,
} from '../../base/codec.ts';
import type { CommonHeader } from '../../commitment/common-header.ts';
import { partsCodec } from '../../commitment/composed-root.ts';
import { MAX_HEADER_BYTES } from '../../commitment/opening.ts';
import { DEFAULT_DIRECTIONS } from '../../commitment/sketch.ts';
import { MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { countChunks, MAX_LEAVES } from './leaf.ts';
import { TENSOR_ENDPOINTS, type TensorEndpoint } from './request.ts';
import { assertDistinct, MAX_TENSORS, tensorFormCodec } from './tensor-form.ts';

const outputCodec = struct({
  form: tensorFormCodec,
  /** Bytes of its values. */
  sizeBytes: within(u32, 0, MAX_RESPONSE_BYTES),
});
export interface HeaderOutput extends CodecType<typeof outputCodec> {}

const codec = struct({
  /** hashOrder of the order that the reply answers. */
  orderHash: hash,
  endpoint: oneOf(TENSOR_ENDPOINTS),
  tier: text(32),
  method: text(32),
  numericClass: text(255),
  /** hashSignature of the model: these models have no vocabulary. */
  vocabularyHash: hash,
  /** The opening shows every value, so nothing is sketched. */
  embeddingSize: constant(0),
  sketchDirections: constant(DEFAULT_DIRECTIONS),
  sketchBankSeed: hash,
  choice: u8,
  /** hashTensorInputs. */
  promptTokensHash: hash,
  /** Units of the inputs. */
  promptTokenCount: within(u32, 1, MAX_REQUEST_BYTES),
  outputTokenCount: constant(0),
  /** Chunks of all outputs; the record's count. */
  leafCount: within(u16, 1, MAX_LEAVES),
  outputs: list(outputCodec, { count: u8, min: 1, max: MAX_TENSORS }),
  parts: partsCodec,
  payee: address,
});

/** Leaf 0 of a commitment to tensors (docs/spec/tensor.md). */
export interface TensorHeader extends CommonHeader, CodecType<typeof codec> {
  readonly endpoint: TensorEndpoint;
  readonly embeddingSize: 0;
  readonly sketchDirections: typeof DEFAULT_DIRECTIONS;
  readonly outputTokenCount: 0;
}

export const TENSOR_HEADER_TAG = 'ogong-header-tensor-v1';
const format = createFormat<TensorHeader>(refine(codec, assertLeaves), {
  tag: TENSOR_HEADER_TAG,
  maxBytes: MAX_HEADER_BYTES,
});

export const encodeTensorHeader: (header: TensorHeader) => Uint8Array = format.encode;
/** @throws ProtocolError */
export const parseTensorHeader: (bytes: Uint8Array) => TensorHeader = format.decode;

function assertLeaves({ leafCount, outputs }: Pick<TensorHeader, 'leafCount' | 'outputs'>): void {
  assertDistinct(outputs.map(({ form }) => form));
  const leaves = outputs.reduce((sum, output) => sum + countChunks(output), 0);
  if (leaves !== leafCount) throw new ProtocolError('malformed', `${leafCount} leaves, and the outputs need ${leaves}`);
}

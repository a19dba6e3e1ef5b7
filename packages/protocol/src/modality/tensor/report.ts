import {
  bytes,
  bytes32,
  type CodecType,
  createFormat,
  flag,
  hash,
  refine,
  struct,
  text,
  u32,
} from '../../base/codec.ts';
import { MAX_RESPONSE_BYTES } from '../../exchange/limits.ts';
import { parseTensorResponse } from './tensor-list.ts';

const codec = struct({
  /** The validator's choice. */
  jobId: bytes(16),
  modelRoot: hash,
  /** The class in which the pass ran. */
  numericClass: text(255),
  /** The verifier's claim that its pass reproduces the provider's declared class bit for bit. */
  exact: flag,
  /** hashSignature of the model. */
  vocabularyHash: hash,
  /** hashTensorInputs of the request as the model reads it. */
  promptTokensHash: hash,
  elapsedMs: u32,
  /** The canonical response of the verifier's own pass; empty if the model gives none for the request. */
  outputs: refine(bytes32(MAX_RESPONSE_BYTES), (encoded) => {
    if (encoded.length > 0) parseTensorResponse(encoded);
  }),
});

/**
 * A verifier's result, computed from the request alone (docs/spec/tensor.md). The verifier sees nothing of the reply, so it has
 * nothing to copy. It signs these bytes with its hybrid key.
 */
export interface TensorReport extends CodecType<typeof codec> {}

const format = createFormat<TensorReport>(codec, { tag: 'ogong-tensor-report-v1' });

export const encodeTensorReport: (report: TensorReport) => Uint8Array = format.encode;
/** @throws ProtocolError */
export const parseTensorReport: (bytes: Uint8Array) => TensorReport = format.decode;

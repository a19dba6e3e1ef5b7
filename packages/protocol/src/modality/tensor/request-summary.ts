import { createFormat, hash, list, oneOf, struct, text, u8, u32, within } from '../../base/codec.ts';
import { MAX_REQUEST_BYTES } from '../../exchange/limits.ts';
import { demandsCodec } from '../demands.ts';
import { MAX_MODEL_NAME } from '../shared/request-fields.ts';
import { type AskedTensors, TENSOR_ENDPOINTS } from './request.ts';
import { MAX_TENSORS, tensorName } from './tensor-form.ts';

const summaryCodec = struct({
  endpoint: oneOf(TENSOR_ENDPOINTS),
  model: text(3 * MAX_MODEL_NAME),
  demands: demandsCodec,
  promptTokenBound: within(u32, 1, MAX_REQUEST_BYTES),
  outputs: list(tensorName, { count: u8, max: MAX_TENSORS }),
  /** SHA-256 of the exact body. */
  bodyHash: hash,
});
const summaryFormat = createFormat(summaryCodec, { tag: 'ogong-tensor-request-v1' });

/** Encodes a summary. The request's hash is that of these bytes (docs/spec/tensor.md). */
export const encodeTensorSummary = (asked: AskedTensors, bodyHash: Uint8Array): Uint8Array =>
  summaryFormat.encode({ ...asked, bodyHash });

/** @throws ProtocolError */
export const parseTensorSummary = (bytes: Uint8Array): AskedTensors => summaryFormat.decode(bytes);

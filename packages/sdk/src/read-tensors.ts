import { readShownTensors } from '@ogong/protocol/modality/tensor/tensor-json';
import { ReceiptError } from './errors.ts';
import type { TensorAnswer } from './types.ts';

/**
 * Returns the bytes that a provider must have signed for the outputs that a gateway shows (docs/spec/tensor.md).
 * @throws ReceiptError `tensors` if the answer does not show tensors, or a number is not the value that it stands for.
 */
export function readTensors(response: TensorAnswer): Uint8Array {
  try {
    return readShownTensors(response);
  } catch (cause) {
    throw new ReceiptError('tensors', `tensors: ${(cause as Error).message}`, { response, cause });
  }
}

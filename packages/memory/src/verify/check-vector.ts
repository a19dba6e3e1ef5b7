import { type Check, check, fail, skip } from '@ogong/protocol/base/checks';
import type { EmbeddedMemory, StoredEvidence } from '../memory.ts';
import { readEmbeddingRequest, readSignedVectors } from '../models/read-evidence.ts';

/** Checks that the vector is, to the bit, the one of the memory's text in the call. */
export function checkVector(
  { memory, vector, embeddingModel }: EmbeddedMemory,
  call: StoredEvidence | undefined,
): Check {
  if (call === undefined) return skip('vector', 'there is no call to compare with');
  const { model, input = [] } = readEmbeddingRequest(call) ?? {};
  const index = input.indexOf(memory.text);
  if (index < 0) return fail('vector', 'the request has no such text');
  if (model !== embeddingModel) return fail('vector', 'the vector is of another model');
  try {
    const signed = readSignedVectors(call, input.length)[index] as Float32Array;
    const isSigned = signed.length === vector.length && signed.every((value, at) => Object.is(value, vector[at]));
    return check('vector', isSigned, ['the vector is the signed one', 'the vector differs from the signed one']);
  } catch (error) {
    return fail('vector', `the vectors cannot be read: ${(error as Error).message}`);
  }
}

import { Refusal } from '@ogong/host/link/link-error';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { ClaimError } from '@ogong/protocol/verdict/claim';
import { JudgeError } from '@ogong/protocol/verdict/judgement';
import { AdmissionError } from '../store/admission-store.ts';

/** Turns an expected error into a Refusal that the peer may read. */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ClaimError || error instanceof ProtocolError || error instanceof JudgeError) {
      throw new Refusal('invalid', `${error.code}: ${error.message}`);
    }
    if (error instanceof AdmissionError) {
      throw new Refusal(error.code === 'conflict' ? 'conflict' : 'precondition', `${error.code}: ${error.message}`);
    }
    throw error;
  }
}

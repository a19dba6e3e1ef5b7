import { AttesterError } from '../attester/attester.ts';
import { Refusal } from './link-error.ts';

/**
 * Answers any caller with the machine's evidence.
 * @param show undefined if this role shows none. @throws Refusal
 */
export async function answerEvidence<T>(
  role: string,
  show: ((nonce: Uint8Array) => Promise<T>) | undefined,
  nonce: Uint8Array,
): Promise<T> {
  if (show === undefined) throw new Refusal('unsupported', `this ${role} shows no evidence of its machine`);
  if (nonce.length !== 32) throw new Refusal('invalid', 'a nonce has 32 bytes');
  try {
    return await show(nonce);
  } catch (error) {
    if (!(error instanceof AttesterError)) throw error;
    throw new Refusal('unavailable', `no evidence can be made: ${error.message}`);
  }
}

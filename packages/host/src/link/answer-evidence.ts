import { AttesterError } from '../attester/attester.ts';
import { Refusal } from './link-error.ts';

/**
 * Anybody may ask what a machine is.
 * @param show undefined where this role shows nothing. @throws Refusal
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

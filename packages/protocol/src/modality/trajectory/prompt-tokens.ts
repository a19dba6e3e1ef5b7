import type { Crypto } from '../../crypto/crypto.ts';
import { hashTokens } from '../text/commitment/header.ts';

/** The ids of a picture's prompts, special ones included, as its model's tokenizer makes and cuts them. */
export interface PictureTokens {
  readonly prompt: Uint32Array;
  /** Empty without a negative prompt. */
  readonly negative: Uint32Array;
}

/**
 * Hashes the tokens of a picture: those of the prompt, then those of the negative prompt, as the tokens of one text (`hashTokens`).
 * @param blind of the prompt.
 * @returns 32 bytes.
 */
export function hashPictureTokens(crypto: Crypto, blind: Uint8Array, { prompt, negative }: PictureTokens): Uint8Array {
  return hashTokens(crypto, blind, [...prompt, ...negative]);
}

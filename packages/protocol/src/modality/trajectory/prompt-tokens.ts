import type { Crypto } from '../../crypto/crypto.ts';
import { hashTokens } from '../text/commitment/header.ts';

/** The ids of both prompts of a picture, special ones included, as its model's tokenizer makes and cuts them. */
export interface PictureTokens {
  readonly prompt: Uint32Array;
  /** Of an empty text if the request has no negative prompt. */
  readonly negative: Uint32Array;
}

/**
 * Hashes the tokens of a picture: the number of the prompt's tokens, these tokens, and those of the negative prompt, hashed as the tokens of
 * one text (`hashTokens`). The number separates the two.
 * @param blind of the prompt.
 * @returns 32 bytes.
 */
export function hashPictureTokens(crypto: Crypto, blind: Uint8Array, { prompt, negative }: PictureTokens): Uint8Array {
  return hashTokens(crypto, blind, [prompt.length, ...prompt, ...negative]);
}

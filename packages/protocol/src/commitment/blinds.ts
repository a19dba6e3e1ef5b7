import { utf8Encode } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';

const SECRET_DOMAIN = utf8Encode('ogong-blind-v1\n');
const PROMPT_DOMAIN = utf8Encode('ogong-prompt-blind-v1\n');
const ANSWER_DOMAIN = utf8Encode('ogong-answer-blind-v1\n');
export const BLIND_BYTES = 32;

/**
 * What is hashed before each text of a reply and before its tokens, so that whoever holds the hashes alone cannot try out what it guesses
 * (docs/spec/commitment.md#blinds). 32 bytes each.
 */
export interface Blinds {
  /** Of the prompt's tokens. The same for all replies to one body. */
  readonly prompt: Uint8Array;
  /** Of the answer: its text, its tokens, the leaves of its commitment. An opening shows it. */
  readonly answer: Uint8Array;
}

/**
 * From the exact bytes of the body, which everybody has who may read the reply. They are as hard to guess as the body is: 128 bits where it
 * has a salt.
 * @param of the reply id is that of order and record, 16 bytes.
 */
export function computeBlinds(
  crypto: Crypto,
  { body, replyId }: { readonly body: Uint8Array; readonly replyId: Uint8Array },
): Blinds {
  const secret = computeSecret(crypto, body);
  return {
    prompt: crypto.sha256(PROMPT_DOMAIN, secret),
    answer: crypto.sha256(ANSWER_DOMAIN, secret, replyId),
  };
}

/** The blind of a prompt's tokens, for whoever has the body and is not told whose reply it is about. */
export const computePromptBlind = (crypto: Crypto, body: Uint8Array): Uint8Array =>
  crypto.sha256(PROMPT_DOMAIN, computeSecret(crypto, body));

const computeSecret = (crypto: Crypto, body: Uint8Array): Uint8Array => crypto.sha256(SECRET_DOMAIN, body);

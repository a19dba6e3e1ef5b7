import { utf8Encode } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';

const SECRET_DOMAIN = utf8Encode('ogong-blind-v1\n');
const PROMPT_DOMAIN = utf8Encode('ogong-prompt-blind-v1\n');
const ANSWER_DOMAIN = utf8Encode('ogong-answer-blind-v1\n');
const HASH_DOMAIN = utf8Encode('ogong-blind-hash-v1\n');
export const BLIND_BYTES = 32;

/**
 * The blinds of a reply (docs/spec/commitment.md#blinds), 32 bytes each. They are hashed before each text and before the
 * tokens. So a reader that has only the hashes cannot test guesses.
 */
export interface Blinds {
  /** Blind of the prompt's tokens. It is the same for all replies to one body. */
  readonly prompt: Uint8Array;
  /** Blind of the answer: its text, its tokens, the leaves of its commitment. An opening shows it. */
  readonly answer: Uint8Array;
}

/**
 * Computes the blinds from the exact bytes of the body, which every permitted reader of the reply has. They are as hard to
 * guess as the body: 128 bits if it has a salt.
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

/** Computes the blind of a prompt's tokens, for a reader that has the body and does not know the reply. */
export const computePromptBlind = (crypto: Crypto, body: Uint8Array): Uint8Array =>
  crypto.sha256(PROMPT_DOMAIN, computeSecret(crypto, body));

const computeSecret = (crypto: Crypto, body: Uint8Array): Uint8Array => crypto.sha256(SECRET_DOMAIN, body);

/** Hashes a blind, for terms that name it and do not show it. @param blind 32 bytes. @returns 32 bytes. */
export const hashBlind = ({ sha256 }: Pick<Crypto, 'sha256'>, blind: Uint8Array): Uint8Array =>
  sha256(HASH_DOMAIN, blind);

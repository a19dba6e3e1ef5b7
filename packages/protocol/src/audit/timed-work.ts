import { createReader, createWriter, ProtocolError, toHex } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import type { Crypto } from '../crypto/crypto.ts';

/**
 * The work of a timed challenge: a text derived from the beacon (docs/spec/timed-challenge.md). It follows from the draw that
 * selects the key and the moment. So nobody knows or chooses it before the epoch has its value, and no two challenges have the
 * same work. Everybody can recompute it once the proof of the draw is shown.
 */
export interface TimedWork {
  /** 64 hexadecimal digits. */
  readonly prompt: string;
  /** Always TIMED_WORK.tokens, so that all challenges have the same length. */
  readonly outputTokens: Uint32Array;
  /** Seed of the directions for the report's sketches. */
  readonly sketchBankSeed: Uint8Array;
}

export interface TimedWorkOf {
  /** Output of the validator's VRF for the epoch: 64 bytes, for computeDrawInput. */
  readonly output: Uint8Array;
  /** computeSubject, 64 bytes. */
  readonly subject: Uint8Array;
  /** Index of the test among the subject's tests in this epoch. */
  readonly arrival: number;
  /** Index of the text within the challenge. */
  readonly part: number;
  readonly vocabularySize: number;
}

/** Texts of one challenge. They are requested at once, so that the work takes the time and not the round trip. */
const PARTS = 4;
const TOKENS = 128;
const PROMPT_DIGITS = 64;

/** The size of every challenge, for any model. */
export const TIMED_WORK = {
  parts: PARTS,
  tokens: TOKENS,
  /** The most tokens of a prompt: one for each digit, and a few that frame it. */
  contextSize: TOKENS + PROMPT_DIGITS + 16,
  /** Tokens that the deadline is computed from. */
  countedTokens: PARTS * (TOKENS + PROMPT_DIGITS),
} as const;

const SEED_DOMAIN = encodeDomain('ogong-timed-work-v1');
const BLOCK_DOMAIN = encodeDomain('ogong-timed-block-v1');
const REFEREE_DOMAIN = encodeDomain('ogong-timed-referee-v1');
const WORDS_A_BLOCK = 8;

/** @throws ProtocolError `out-of-range` */
export function writeTimedWork(crypto: Crypto, { part, vocabularySize, ...drawn }: TimedWorkOf): TimedWork {
  if (!Number.isInteger(part) || part < 0 || part >= PARTS) {
    throw new ProtocolError('out-of-range', `part ${part} of a challenge of ${PARTS}`);
  }
  if (!Number.isInteger(vocabularySize) || vocabularySize < 2 || vocabularySize > 2 ** 24) {
    throw new ProtocolError('out-of-range', `a vocabulary of ${vocabularySize} tokens`);
  }
  const seed = computeTimedSeed(crypto, drawn);
  const block = (number: number): Uint8Array =>
    crypto.sha256(createWriter().bytes(BLOCK_DOMAIN).bytes(seed, 32).u8(part).u32(number).finish());
  const outputTokens = new Uint32Array(TOKENS);
  for (let first = 0; first < TOKENS; first += WORDS_A_BLOCK) {
    const reader = createReader(block(2 + first / WORDS_A_BLOCK));
    for (let i = 0; i < WORDS_A_BLOCK; i++) outputTokens[first + i] = reader.u32() % vocabularySize;
  }
  return { prompt: toHex(block(0)), sketchBankSeed: block(1), outputTokens };
}

/** Computes a verifier's place among the possible referees; the lowest places are asked. 32 bytes. */
export function computeRefereePlace(
  crypto: Crypto,
  drawn: Omit<TimedWorkOf, 'part' | 'vocabularySize'>,
  providerId: Uint8Array,
): Uint8Array {
  const seed = computeTimedSeed(crypto, drawn);
  return crypto.sha256(createWriter().bytes(REFEREE_DOMAIN).bytes(seed, 32).bytes(providerId, 32).finish());
}

function computeTimedSeed(
  crypto: Crypto,
  { output, subject, arrival }: Omit<TimedWorkOf, 'part' | 'vocabularySize'>,
): Uint8Array {
  return crypto.sha256(createWriter().bytes(SEED_DOMAIN).bytes(output, 64).bytes(subject, 64).u8(arrival).finish());
}

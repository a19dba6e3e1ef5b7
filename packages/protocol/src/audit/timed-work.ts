import { createReader, createWriter, ProtocolError, toHex } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import type { Crypto } from '../crypto/crypto.ts';

/**
 * The work of a timed challenge: a text that the beacon writes (docs/spec/timed-challenge.md). It follows from the draw that says who is
 * tested and when, so nobody knows it before the epoch's value, nobody chooses it, no two challenges have the same, and everybody
 * can recompute it once the proof of the draw is shown.
 */
export interface TimedWork {
  /** 64 hexadecimal digits. */
  readonly prompt: string;
  /** So many that every challenge is as long as any other: TIMED_WORK.tokens. */
  readonly outputTokens: Uint32Array;
  /** What the sketches of the report are made with. */
  readonly sketchBankSeed: Uint8Array;
}

export interface TimedWorkOf {
  /** Of the validator's VRF for the epoch: computeDrawInput, 64 bytes. */
  readonly output: Uint8Array;
  /** computeSubject, 64 bytes. */
  readonly subject: Uint8Array;
  /** Place of the test among the subject's in this epoch. */
  readonly arrival: number;
  /** Which of the texts of one challenge. */
  readonly part: number;
  readonly vocabularySize: number;
}

/** Texts of one challenge, which are asked for at once: so that work and not the way to the device takes the time. */
const PARTS = 4;
const TOKENS = 128;
const PROMPT_DIGITS = 64;

/** How much every challenge is, whatever the model. */
export const TIMED_WORK = {
  parts: PARTS,
  tokens: TOKENS,
  /** No tokeniser makes more of the prompt: a token for each digit, and a few that frame it. */
  contextSize: TOKENS + PROMPT_DIGITS + 16,
  /** What a deadline is computed from. */
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

/** Where a verifier stands among those that may say what is right: the least places are asked. 32 bytes. */
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

import { createWriter } from './bytes.ts';
import { encodeDomain } from './canonical.ts';
import type { Crypto } from './crypto.ts';
import type { Header } from './header.ts';

/**
 * Commit, then reveal: a verifier is bound to its report before it or the validator can show it to anybody, and opens it
 * over the commitments of all who were asked at the same time (docs/spec/score-commitment.md). So whoever sees two opened
 * reports knows that neither was made from the other.
 */
export interface ScoreOpening {
  /** 16 bytes. */
  readonly jobId: Uint8Array;
  /** 32 bytes, the verifier's secret until it opens. */
  readonly salt: Uint8Array;
  /** SHA-256 of the report's exact bytes. */
  readonly reportHash: Uint8Array;
  /** Digests of the round in the order in which its verifiers were drawn, the own one among them. */
  readonly round: readonly Uint8Array[];
}

export const SALT_BYTES = 32;
/** Verifiers that are asked at the same time, at most. */
export const MAX_ROUND = 4;

const SALTED_DOMAIN = encodeDomain('ogong-score-salted-v1');
const COMMITMENT_DOMAIN = encodeDomain('ogong-score-commitment-v1');
const OPENING_DOMAIN = encodeDomain('ogong-score-opening-v1');

/** Names the key: one verifier's commitment, sent again by another, can never be opened by it. 32 bytes. */
export function computeScoreDigest(
  crypto: Crypto,
  { jobId, salt, reportHash, keyHash }: Omit<ScoreOpening, 'round'> & { readonly keyHash: Uint8Array },
): Uint8Array {
  const writer = createWriter().bytes(SALTED_DOMAIN).bytes(jobId, 16).bytes(keyHash, 32);
  return crypto.sha256(writer.bytes(salt, SALT_BYTES).bytes(reportHash, 32).finish());
}

/** What the verifier signs when it commits. */
export function encodeScoreCommitment({ jobId, digest }: { jobId: Uint8Array; digest: Uint8Array }): Uint8Array {
  return createWriter().bytes(COMMITMENT_DOMAIN).bytes(jobId, 16).bytes(digest, 32).finish();
}

/**
 * What the verifier signs when it opens.
 * @throws ProtocolError `out-of-range` beyond 255 digests.
 */
export function encodeScoreOpening({ jobId, salt, reportHash, round }: ScoreOpening): Uint8Array {
  const writer = createWriter().bytes(OPENING_DOMAIN).bytes(jobId, 16).bytes(salt, SALT_BYTES).bytes(reportHash, 32);
  writer.u8(round.length);
  for (const digest of round) writer.bytes(digest, 32);
  return writer.finish();
}

const ZERO = new Uint8Array(32);

/**
 * The header as a verifier gets it: what a pass over the tokens depends on. Whatever says whose reply it is, when it was
 * served or what the provider computed is zero, so that a verifier cannot tell whom its report would help.
 */
export function redactHeader(header: Header): Header {
  return {
    ...header,
    vocabularyHash: ZERO,
    drawKey: { mode: 'seed', seed: 0n, requestHash: ZERO, modelRoot: ZERO, choice: 0 },
    choice: 0,
    maxTokens: 0,
    promptTokensHash: ZERO,
    promptTokenCount: 0,
    outputTokensHash: ZERO,
    payee: new Uint8Array(20),
  };
}

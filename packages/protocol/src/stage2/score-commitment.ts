import { compareBytes, createWriter } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import type { Header } from '../commitment/header.ts';
import type { Crypto } from '../crypto/crypto.ts';

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
  /** See fillRound; the own digest is among them. */
  readonly round: readonly Uint8Array[];
}

export interface ScoreDigest extends Omit<ScoreOpening, 'round'> {
  /** SHA-256 of the verifier's hybrid key. */
  readonly keyHash: Uint8Array;
  /** hashScoreInputs of the job. */
  readonly inputsHash: Uint8Array;
}

/** What a verifier is given to score, as the bytes that it is sent; what is absent from a job is undefined. */
export interface ScoreInputs {
  /** SHA-256 of the request's exact bytes. */
  readonly requestHash: Uint8Array;
  readonly endpoint: string;
  /** Redacted. */
  readonly header: Uint8Array;
  readonly outputTokens: Uint8Array;
  readonly listSizes: Uint8Array;
  readonly shapeClasses?: Uint8Array | undefined;
  readonly tailDraws?: Uint8Array | undefined;
  /** 32 bytes. */
  readonly sketchBankSeed: Uint8Array;
}

export const SALT_BYTES = 32;
/** Verifiers that are asked at the same time, at most. */
export const MAX_ROUND = 4;

const INPUTS_DOMAIN = encodeDomain('ogong-score-inputs-v1');
const SALTED_DOMAIN = encodeDomain('ogong-score-salted-v2');
const COMMITMENT_DOMAIN = encodeDomain('ogong-score-commitment-v1');
const OPENING_DOMAIN = encodeDomain('ogong-score-opening-v1');

const ROUND_DOMAIN = encodeDomain('ogong-score-round-v1');

const NOTHING = new Uint8Array(0);

/** What every byte of a job but its id and its timeout hashes to. 32 bytes. */
export function hashScoreInputs(crypto: Crypto, inputs: ScoreInputs): Uint8Array {
  const { requestHash, endpoint, header, outputTokens, listSizes, sketchBankSeed } = inputs;
  const { shapeClasses = NOTHING, tailDraws = NOTHING } = inputs;
  const writer = createWriter(1024).bytes(INPUTS_DOMAIN).bytes(requestHash, 32).text(endpoint).bytes32(header);
  writer.bytes32(outputTokens).bytes32(listSizes).bytes32(shapeClasses).bytes32(tailDraws);
  return crypto.sha256(writer.bytes(sketchBankSeed, 32).finish());
}

/**
 * Names the key: one verifier's commitment, sent again by another, can never be opened by it. Names what was scored: a
 * report on a job that was bent on its way opens no commitment about the reply as it is. 32 bytes.
 */
export function computeScoreDigest(
  crypto: Crypto,
  { jobId, salt, reportHash, keyHash, inputsHash }: ScoreDigest,
): Uint8Array {
  const writer = createWriter().bytes(SALTED_DOMAIN).bytes(jobId, 16).bytes(keyHash, 32).bytes(inputsHash, 32);
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

/** So many digests a round shows at least. */
const ROUND_SHOWN = 2;

/**
 * What everybody in a round opens over: the digests of all who committed, and where one did alone a made-up one, ascending.
 * Whoever is asked to open would else see whether another looks at the same job, and could stand still exactly then.
 * @param nonce of the round's first attempt, 16 bytes; nobody but the validator knows it before the verdict.
 */
export function fillRound(crypto: Crypto, digests: readonly Uint8Array[], nonce: Uint8Array): Uint8Array[] {
  const made = Array.from({ length: Math.max(0, ROUND_SHOWN - digests.length) }, (_, i) =>
    crypto.sha256(createWriter().bytes(ROUND_DOMAIN).bytes(nonce, 16).u8(i).finish()),
  );
  return [...digests, ...made].sort(compareBytes);
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

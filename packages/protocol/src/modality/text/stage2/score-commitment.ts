import { compareBytes, createWriter } from '../../../base/bytes.ts';
import { encodeDomain } from '../../../base/canonical.ts';
import {
  bytes,
  bytes32,
  type CodecType,
  createFormat,
  hash,
  list,
  optional,
  struct,
  text,
  u8,
  union,
} from '../../../base/codec.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import type { Header } from '../commitment/header.ts';

export const SALT_BYTES = 32;
/** Verifiers that are asked at the same time, at most. */
export const MAX_ROUND = 4;

const part = bytes32(0xffffffff);

/** What a verifier is shown of a text, as the bytes that it is sent. */
export interface TextClaim {
  /** Of the answer (blinds.ts): what the report hashes the text with. 32 bytes. */
  readonly blind: Uint8Array;
  /** u32 little endian. */
  readonly outputTokens: Uint8Array;
  /** u8 per output token. */
  readonly listSizes: Uint8Array;
  /** u8 per output token; absent where all are 0. */
  readonly shapeClasses?: Uint8Array | undefined;
  /** See encodeTailDraws; absent where there is none. */
  readonly tailDraws?: Uint8Array | undefined;
}

/** What a verifier is shown of an answer, by modality. Nothing of an embedding: the request is all that it needs. */
export type VerifierClaim =
  | { readonly case: 'text'; readonly value: TextClaim }
  | { readonly case: 'embedding'; readonly value: object }
  /** A message that names no modality that this version knows. */
  | { readonly case: undefined; readonly value?: undefined };

/** What a verifier is given to score. */
export interface ScoreInputs {
  /** SHA-256 of the request's exact bytes. */
  readonly requestHash: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly endpoint: string;
  /** Redacted. */
  readonly header: Uint8Array;
  readonly sketchBankSeed: Uint8Array;
  readonly claim: VerifierClaim;
}

/** A job as it is sent to a verifier. */
export interface ScoreJobMessage extends Omit<ScoreInputs, 'requestHash'> {
  readonly jobId: Uint8Array;
  readonly request: Uint8Array;
  readonly timeoutMs: number;
}

const textClaim = struct({
  blind: hash,
  outputTokens: part,
  listSizes: part,
  shapeClasses: optional(part),
  tailDraws: optional(part),
});
const inputsCodec = struct({
  requestHash: hash,
  modelRoot: hash,
  endpoint: text(0xffff),
  header: part,
  sketchBankSeed: hash,
  claim: union('case', { text: struct({ value: textClaim }), embedding: struct({ value: struct({}) }) }),
});
const inputsFormat = createFormat<ScoreInputs>(inputsCodec, { tag: 'ogong-score-inputs-v3' });

const digestCodec = struct({
  jobId: bytes(16),
  /** SHA-256 of the verifier's hybrid key. */
  keyHash: hash,
  /** hashScoreInputs of the job. */
  inputsHash: hash,
  salt: bytes(SALT_BYTES),
  reportHash: hash,
});
const digestFormat = createFormat(digestCodec, { tag: 'ogong-score-salted-v2' });

export interface ScoreDigest extends CodecType<typeof digestCodec> {}

const commitmentFormat = createFormat(struct({ jobId: bytes(16), digest: hash }), { tag: 'ogong-score-commitment-v1' });

/** What the verifier signs when it commits. */
export const encodeScoreCommitment: (commitment: { jobId: Uint8Array; digest: Uint8Array }) => Uint8Array =
  commitmentFormat.encode;

const openingCodec = struct({
  jobId: bytes(16),
  /** The verifier's secret until it opens. */
  salt: bytes(SALT_BYTES),
  /** SHA-256 of the report's exact bytes. */
  reportHash: hash,
  /** See fillRound; the own digest is among them. */
  round: list(hash, { count: u8, max: 255 }),
});
const openingFormat = createFormat(openingCodec, { tag: 'ogong-score-opening-v1' });

/**
 * Commit, then reveal: a verifier is bound to its report before it or the validator can show it to anybody, and opens it
 * over the commitments of all who were asked at the same time (docs/spec/score-commitment.md). So whoever sees two opened
 * reports knows that neither was made from the other.
 */
export interface ScoreOpening extends CodecType<typeof openingCodec> {}

/** What the verifier signs when it opens. */
export const encodeScoreOpening: (opening: ScoreOpening) => Uint8Array = openingFormat.encode;

/** The hash of all bytes of a job but its id and its timeout. 32 bytes. @throws ProtocolError where the claim is of no modality. */
export function hashScoreInputs(crypto: Crypto, inputs: ScoreInputs): Uint8Array {
  return crypto.sha256(inputsFormat.encode(inputs));
}

/**
 * Includes the key, so that a verifier cannot open a commitment that it copied from another. Includes the job, so that a report
 * on a job that was altered on its way opens no commitment about the real reply. 32 bytes.
 */
export function computeScoreDigest(crypto: Crypto, digest: ScoreDigest): Uint8Array {
  return crypto.sha256(digestFormat.encode(digest));
}

const ROUND_DOMAIN = encodeDomain('ogong-score-round-v1');

/** A round shows at least so many digests. */
const ROUND_SHOWN = 2;

/**
 * What everybody in a round opens over: the digests of all who committed, and where one did alone a made-up one, ascending.
 * Otherwise a verifier that is asked to open would see whether another one has the same job, and could refuse exactly then.
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
    orderHash: ZERO,
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

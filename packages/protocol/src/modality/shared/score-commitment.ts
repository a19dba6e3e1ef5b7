import { compareBytes, createWriter } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import { bytes, bytes32, type CodecType, createFormat, hash, list, struct, text, u8 } from '../../base/codec.ts';
import type { Crypto } from '../../crypto/crypto.ts';

export const SALT_BYTES = 32;
/** The most verifiers that are asked at the same time. */
export const MAX_ROUND = 4;

const part = bytes32(0xffffffff);

/** The inputs that a verifier scores. */
export interface ScoreInputs {
  /** SHA-256 of the request's exact bytes. */
  readonly requestHash: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly endpoint: string;
  /** Redacted header. */
  readonly header: Uint8Array;
  readonly sketchBankSeed: Uint8Array;
  /** The name of the modality that encodes the claim. */
  readonly modality: string;
  /**
   * The part of the answer that the verifier sees, in the encoding of its modality; empty if the request contains everything.
   */
  readonly claim: Uint8Array;
}

/** A job as sent to a verifier. */
export interface ScoreJobMessage extends Omit<ScoreInputs, 'requestHash'> {
  readonly jobId: Uint8Array;
  readonly request: Uint8Array;
  readonly timeoutMs: number;
  /**
   * The blobs that the claim names, in its order. The hash of the inputs does not cover them: the verifier checks them against the roots
   * in the claim. Default: none.
   */
  readonly blobs?: Uint8Array[];
  /** The media that the request names, in the order of their references. The hash of the request covers them. Default: none. */
  readonly media?: Uint8Array[];
}

const inputsCodec = struct({
  requestHash: hash,
  modelRoot: hash,
  endpoint: text(0xffff),
  header: part,
  sketchBankSeed: hash,
  modality: text(0xffff),
  claim: part,
});
const inputsFormat = createFormat<ScoreInputs>(inputsCodec, { tag: 'ogong-score-inputs-v1' });

const digestCodec = struct({
  jobId: bytes(16),
  /** SHA-256 of the verifier's hybrid key. */
  keyHash: hash,
  /** hashScoreInputs of the job. */
  inputsHash: hash,
  salt: bytes(SALT_BYTES),
  reportHash: hash,
});
const digestFormat = createFormat(digestCodec, { tag: 'ogong-score-salted-v1' });

export interface ScoreDigest extends CodecType<typeof digestCodec> {}

const commitmentFormat = createFormat(struct({ jobId: bytes(16), digest: hash }), { tag: 'ogong-score-commitment-v1' });

/** Encodes the statement that the verifier signs when it commits. */
export const encodeScoreCommitment: (commitment: { jobId: Uint8Array; digest: Uint8Array }) => Uint8Array =
  commitmentFormat.encode;

const openingCodec = struct({
  jobId: bytes(16),
  /** The verifier's secret until it opens. */
  salt: bytes(SALT_BYTES),
  /** SHA-256 of the report's exact bytes. */
  reportHash: hash,
  /** See fillRound; the verifier's own digest is among them. */
  round: list(hash, { count: u8, max: 255 }),
});
const openingFormat = createFormat(openingCodec, { tag: 'ogong-score-opening-v1' });

/**
 * Commit, then reveal. A verifier is bound to its report before it or the validator can show it to anybody. It opens the report
 * over the commitments of all verifiers that were asked at the same time (docs/spec/score-commitment.md). So a reader of two
 * opened reports knows that neither was made from the other.
 */
export interface ScoreOpening extends CodecType<typeof openingCodec> {}

/** Encodes the statement that the verifier signs when it opens. */
export const encodeScoreOpening: (opening: ScoreOpening) => Uint8Array = openingFormat.encode;

/** Hashes all bytes of a job except its id and its timeout. 32 bytes. */
export function hashScoreInputs(crypto: Crypto, inputs: ScoreInputs): Uint8Array {
  return crypto.sha256(inputsFormat.encode(inputs));
}

/**
 * Computes the digest of a commitment, 32 bytes. It contains the key, so a verifier cannot open a copied commitment. It
 * contains the job, so a report on an altered job opens no commitment about the real reply.
 */
export function computeScoreDigest(crypto: Crypto, digest: ScoreDigest): Uint8Array {
  return crypto.sha256(digestFormat.encode(digest));
}

const ROUND_DOMAIN = encodeDomain('ogong-score-round-v1');

/** The fewest digests in a round. */
const ROUND_SHOWN = 2;

/**
 * Fills the list of digests over which every verifier of a round opens, ascending. It has all commitments, and a made-up one if
 * there is only one. Otherwise a verifier could see whether another one has the same job, and refuse exactly then.
 * @param nonce of the round's first attempt, 16 bytes; only the validator knows it before the verdict.
 */
export function fillRound(crypto: Crypto, digests: readonly Uint8Array[], nonce: Uint8Array): Uint8Array[] {
  const made = Array.from({ length: Math.max(0, ROUND_SHOWN - digests.length) }, (_, i) =>
    crypto.sha256(createWriter().bytes(ROUND_DOMAIN).bytes(nonce, 16).u8(i).finish()),
  );
  return [...digests, ...made].sort(compareBytes);
}

import { ProtocolError } from '../../base/bytes.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { hashScoreInputs, type ScoreInputs } from '../shared/score-commitment.ts';
import { encodeHeader, type Header } from './commitment/header.ts';
import type { Replay } from './stage1/replay.ts';
import { encodeTailDraws, type TailDraws } from './stage1/tail-draws.ts';
import { redactHeader } from './stage2/redact-header.ts';
import { encodeTextClaim, parseTextClaim, type SegmentJob, type TextClaim } from './stage2/text-claim.ts';

/** The request and the model of a reply. */
export interface ReplySubject {
  readonly endpoint: string;
  readonly modelRoot: Uint8Array;
  /** Blind of the answer (blinds.ts). */
  readonly blind: Uint8Array;
}

/** A reply as a verifier receives it. */
export interface ScoredReply extends ReplySubject {
  readonly header: Header;
  readonly outputTokens: ArrayLike<number>;
  /** Number of candidates that the provider listed, per position. */
  readonly listSizes: Uint8Array;
  /** As committed, per position. */
  readonly shapeClasses?: Uint8Array | undefined;
  /** As committed. Without them every unlisted token is another choice. */
  readonly tailDraws: TailDraws;
  /** Edges whose rows the verifier has to report, as in TextClaim. Default: none. */
  readonly edges?: readonly number[] | undefined;
  /** The one shard that the job is about, as in TextClaim. Default: the whole model. */
  readonly segment?: SegmentJob | undefined;
}

/** Hashes a verifier's job, which its commitment contains. Every holder of the reply computes the same hash. */
export function hashScored(crypto: Crypto, requestHash: Uint8Array, reply: ScoredReply): Uint8Array {
  return hashScoreInputs(crypto, { requestHash, ...encodeScored(reply) });
}

/** Creates the job for verifiers from a replayed reply. @param edges as in a TextClaim. */
export function toScored(
  { endpoint, modelRoot, blind }: ReplySubject,
  header: Header,
  replay: Replay,
  edges: readonly number[] = [],
): ScoredReply {
  const { rows, outputTokens, shapeClasses, tailDraws } = replay;
  const listSizes = Uint8Array.from(rows, ({ ids }) => ids.length);
  return { endpoint, modelRoot, blind, header, outputTokens, listSizes, shapeClasses, tailDraws, edges };
}

/** Encodes the parts of a reply that a verifier receives. */
export function encodeScored(reply: ScoredReply): Omit<ScoreInputs, 'requestHash'> {
  const { endpoint, modelRoot, blind, header, listSizes, shapeClasses, tailDraws, edges = [], segment } = reply;
  const outputTokens = new Uint8Array(reply.outputTokens.length * 4);
  const view = new DataView(outputTokens.buffer);
  for (let i = 0; i < reply.outputTokens.length; i++) view.setUint32(4 * i, reply.outputTokens[i] as number, true);
  const { sketchBankSeed } = header;
  const value = {
    ...{ blind, outputTokens, listSizes },
    ...(shapeClasses?.some((shapeClass) => shapeClass !== 0) && { shapeClasses }),
    ...(tailDraws.size > 0 && { tailDraws: encodeTailDraws(tailDraws) }),
    ...(edges.length > 0 && { edges }),
    ...(segment && { segment }),
  };
  const redacted = encodeHeader(redactHeader(header));
  return { endpoint, modelRoot, header: redacted, sketchBankSeed, modality: 'text', claim: encodeTextClaim(value) };
}

/** Reads the claim of a job about a text. @throws ProtocolError if it is about another modality or malformed. */
export function readTextClaim({ modality, claim }: Pick<ScoreInputs, 'modality' | 'claim'>): TextClaim {
  if (modality === 'text') return parseTextClaim(claim);
  throw new ProtocolError('unsupported', 'the job shows no text');
}

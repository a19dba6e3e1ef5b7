import { bytes32, createFormat, hash, list, optional, struct, u8, u16, within } from '../../../base/codec.ts';
import { type BlobRef, blobRefCodec } from '../../../commitment/blob.ts';
import { MAX_EDGES } from '../../../commitment/edge-values.ts';
import { SINGLE } from '../commitment/shape-classes.ts';

/** The part of an answer that a verifier sees. */
export interface TextClaim {
  /** The answer's blind (blinds.ts), 32 bytes. The report hashes the text with it. */
  readonly blind: Uint8Array;
  /** u32 little endian, one for each output token. */
  readonly outputTokens: Uint8Array;
  /** u8 per output token. */
  readonly listSizes: Uint8Array;
  /** u8 per output token; absent if all are 0. */
  readonly shapeClasses?: Uint8Array | undefined;
  /** See encodeTailDraws; absent if no draw fell into the tail. */
  readonly tailDraws?: Uint8Array | undefined;
  /**
   * Edges whose rows the report has to show, ascending. An edge is named by the number of layers before it. Absent unless a cohort
   * served the reply (docs/spec/boundary.md#audit).
   */
  readonly edges?: readonly number[] | undefined;
  /**
   * The one shard that the job is about. Such a job names no edges. Absent if the job is about the whole model
   * (docs/spec/boundary.md#one-shard).
   */
  readonly segment?: SegmentJob | undefined;
}

/** Layers of a model that follow each other. */
export interface JobSegment {
  /** From 0. */
  readonly firstLayer: number;
  /** At least 1. */
  readonly layers: number;
}

/** Layers of a job, and their input. */
export interface SegmentJob extends JobSegment {
  /**
   * The job's only blob, under the answer's blind: tokens before layer 0, u32 little endian, else f32[positions, embeddingSize]. The
   * verifier checks the blob against it. Otherwise a validator could show other rows, and their output would convict an honest shard.
   */
  readonly input: BlobRef;
}

const part = bytes32(0xffffffff);
const format = createFormat<TextClaim>(
  struct({
    blind: hash,
    outputTokens: part,
    listSizes: part,
    shapeClasses: optional(part),
    tailDraws: optional(part),
    edges: optional(list(within(u16, 1, 0xffff), { count: u8, min: 1, max: MAX_EDGES, ascending: (a, b) => a - b })),
    segment: optional(struct({ firstLayer: u16, layers: within(u16, 1, 0xffff), input: blobRefCodec })),
  }),
  { tag: 'ogong-text-claim-v1' },
);

export const encodeTextClaim: (claim: TextClaim) => Uint8Array = format.encode;

/** @throws ProtocolError */
export const parseTextClaim: (bytes: Uint8Array) => TextClaim = format.decode;

/** A pass over one token reads all weights once. Many tokens of one pass share that. */
const MS_PER_PASS = 100;
const MS_PER_TOKEN = 10;

/** Returns the time that a verifier is expected to need for the passes of a teacher-forced run, ms. */
export const expectPassesMs = (shapeClasses: Uint8Array): number =>
  MS_PER_TOKEN * shapeClasses.length + MS_PER_PASS * countPasses(shapeClasses);

/** Counts the forward passes of a teacher-forced run: one for each single token, one for each run of tokens of one class. */
export function countPasses(shapeClasses: Uint8Array): number {
  return shapeClasses.reduce(
    (sum, shapeClass, i) => sum + (shapeClass === SINGLE || shapeClass !== shapeClasses[i - 1] ? 1 : 0),
    0,
  );
}

import { ProtocolError } from '../../base/bytes.ts';
import {
  bytes,
  type CodecType,
  createFormat,
  flag,
  hash,
  list,
  refine,
  struct,
  text,
  u16,
  u32,
} from '../../base/codec.ts';
import { assertDirections } from '../../commitment/sketch.ts';
import { vectorSketch } from './leaf.ts';
import { MAX_INPUTS } from './request.ts';

const inputCodec = struct({
  tokenCount: u32,
  tokensHash: hash,
  /** SHA-256 of the vector's bytes. */
  vectorHash: hash,
  sketch: vectorSketch,
});

const codec = struct({
  /** The validator's choice. */
  jobId: bytes(16),
  modelRoot: hash,
  /** The class in which the passes ran. */
  numericClass: text(255),
  /** The verifier's claim that its passes reproduce the provider's declared class bit for bit. */
  exact: flag,
  vocabularyHash: hash,
  embeddingSize: u32,
  sketchDirections: refine(u16, assertDirections),
  elapsedMs: u32,
  inputs: list(inputCodec, { count: u16, max: MAX_INPUTS }),
});

/**
 * A verifier's result, computed from the request alone (docs/spec/embedding.md). The verifier sees nothing of the reply, so it
 * has nothing to copy. It signs these bytes with its hybrid key.
 */
export interface EmbeddingReport extends CodecType<typeof codec> {}

const format = createFormat(refine<EmbeddingReport>(codec, assertSketches), { tag: 'ogong-embedding-report-v1' });

export const encodeEmbeddingReport: (report: EmbeddingReport) => Uint8Array = format.encode;
export const parseEmbeddingReport: (bytes: Uint8Array) => EmbeddingReport = format.decode;

function assertSketches({ inputs, sketchDirections }: EmbeddingReport): void {
  const wrong = inputs.findIndex(({ sketch }) => sketch.values.length !== sketchDirections);
  if (wrong < 0) return;
  const count = inputs[wrong]?.sketch.values.length;
  throw new ProtocolError('malformed', `the sketch of input ${wrong} has ${count} directions, not ${sketchDirections}`);
}

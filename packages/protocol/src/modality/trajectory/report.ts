import {
  bytes,
  type CodecType,
  createFormat,
  flag,
  hash,
  list,
  optional,
  struct,
  text,
  u8,
  u16,
  u32,
} from '../../base/codec.ts';
import { AUDITED_STEPS } from './audit-job.ts';
import { choicesCodec, modelFactsCodec } from './header.ts';
import { projectionCodec } from './projection.ts';

const codec = struct({
  /** The validator's choice. */
  jobId: bytes(16),
  modelRoot: hash,
  /** The class in which the steps ran. */
  numericClass: text(255),
  /** The verifier's claim that its steps reproduce the provider's declared class bit for bit. */
  exact: flag,
  elapsedMs: u32,
  /** Facts that are the same in every class: tokenizer, prompt, resolved choices and the model's own properties. */
  vocabularyHash: hash,
  promptTokensHash: hash,
  choices: choicesCodec,
  facts: modelFactsCodec,
  steps: list(
    struct({
      step: u16,
      /** Root of the verifier's own output under the answer's blind. */
      outputRoot: hash,
      projection: projectionCodec,
    }),
    { count: u8, max: AUDITED_STEPS },
  ),
  /** The picture to change as the verifier encodes it; undefined for a picture from noise alone. */
  source: optional(
    struct({
      /** Root of the encoded latent under the answer's blind. */
      latentRoot: hash,
      projection: projectionCodec,
      /** Root of the mask's values; zero without a mask. */
      maskRoot: hash,
    }),
  ),
  /** Hash of the picture as the record names a response (response-hash.ts). */
  responseHash: hash,
  /** Projection of the picture's bytes. */
  pixels: projectionCodec,
});

/** A verifier's result for the drawn steps and the decoding (docs/spec/trajectory.md). It signs these bytes with its hybrid key. */
export interface TrajectoryReport extends CodecType<typeof codec> {}

const format = createFormat<TrajectoryReport>(codec, { tag: 'ogong-trajectory-report-v1' });

export const encodeTrajectoryReport: (report: TrajectoryReport) => Uint8Array = format.encode;
/** @throws ProtocolError */
export const parseTrajectoryReport: (bytes: Uint8Array) => TrajectoryReport = format.decode;

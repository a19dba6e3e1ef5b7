import { ProtocolError } from '../../../base/bytes.ts';
import {
  bytes,
  type CodecType,
  createFormat,
  flag,
  hash,
  refine,
  struct,
  text,
  u32,
  within,
} from '../../../base/codec.ts';
import { edgeList } from '../../../commitment/edge-values.ts';
import { windowList } from '../../../commitment/opening.ts';
import { WEIGHT_ONE } from '../sampling/sampler.ts';

export const NO_STOP_TOKEN = 0xffffffff;
export const NO_OTHER_CHOICE = 0xffffffff;
export const MAX_REPORT_BYTES = 48 * 1024 * 1024;

const tailGapCodec = refine(
  struct({
    /** Share of the unlisted mass between the draw and the claimed token, 2^-24 units. */
    gap: within(u32, 0, WEIGHT_ONE),
    /** 2^32 - 1 if the gap is 0. */
    position: u32,
  }),
  ({ gap, position }) => {
    if ((gap === 0) !== (position === 0xffffffff)) {
      throw new ProtocolError('malformed', `a gap of ${gap} at position ${position}`);
    }
  },
);

export interface TailGap extends CodecType<typeof tailGapCodec> {}

export const NO_TAIL_GAP: TailGap = { gap: 0, position: 0xffffffff };

const codec = struct({
  /** The validator's choice. */
  jobId: bytes(16),
  modelRoot: hash,
  /** The class in which the pass ran. */
  numericClass: text(255),
  /** The verifier's claim that its pass reproduces the provider's declared class bit for bit. */
  exact: flag,
  /** Hash of the prompt tokens of the request, as the verifier templates and tokenises it. */
  promptTokensHash: hash,
  promptTokenCount: u32,
  vocabularyHash: hash,
  /** SHA-256 of the reply's text as the claimed tokens spell it, cut at stop strings. */
  responseHash: hash,
  /** Position of the first stop token in the output, or NO_STOP_TOKEN. */
  firstStopToken: u32,
  /**
   * First position at which this verifier's engine would have listed another number of candidates, or named another token for a
   * draw from the tail. NO_OTHER_CHOICE if there is none.
   */
  firstOtherChoice: u32,
  /** The draw from the tail that falls farthest from its claimed token. */
  tailGap: tailGapCodec,
  /** Context size of the verifier's model, in tokens. */
  contextSize: u32,
  elapsedMs: u32,
  /** The largest distance between the committed rows of a picture and this verifier's own (picture-rows.ts); 0 without pictures. */
  pictureDistance: u32,
  windows: windowList,
  /** The rows of this verifier's pass at each edge of the job, in the same order (docs/spec/boundary.md#audit). */
  edges: edgeList,
});

/**
 * A verifier's report of its own teacher-forced pass over the claimed tokens (docs/spec/score-report.md). The verifier does not
 * know the provider's commitment, so it has nothing to copy. It signs these bytes with its hybrid key.
 */
export interface ScoreReport extends CodecType<typeof codec> {}

const format = createFormat<ScoreReport>(codec, { tag: 'ogong-score-report-v1', maxBytes: MAX_REPORT_BYTES });

/** @throws ProtocolError */
export const encodeScoreReport = (report: ScoreReport): Uint8Array => format.encode(report);

/** @throws ProtocolError */
export const parseScoreReport = (bytes: Uint8Array): ScoreReport => format.decode(bytes);

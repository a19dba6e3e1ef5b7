import { bytes, type CodecType, createFormat, flag, hash, struct, text, u32 } from '../../../base/codec.ts';
import { edgeValuesCodec } from '../../../commitment/edge-values.ts';
import { MAX_REPORT_BYTES } from './score-report.ts';

const codec = struct({
  /** The validator's choice. */
  jobId: bytes(16),
  modelRoot: hash,
  /** The class in which the pass ran. */
  numericClass: text(255),
  /** The verifier's claim that its pass reproduces this class bit for bit. */
  exact: flag,
  /** Context size of the verifier's segment, in tokens. */
  contextSize: u32,
  elapsedMs: u32,
  /** The rows behind the segment, from the rows that the job shows. Their blob is under the answer's blind. */
  edge: edgeValuesCodec,
});

/**
 * A verifier's report of its own pass through the layers of one shard (docs/spec/score-report.md#one-shard). The verifier sees the rows
 * before these layers, and not the rows that the shard signed. It signs these bytes with its hybrid key.
 */
export interface SegmentReport extends CodecType<typeof codec> {}

const format = createFormat<SegmentReport>(codec, { tag: 'ogong-segment-report-v1', maxBytes: MAX_REPORT_BYTES });

/** @throws ProtocolError */
export const encodeSegmentReport = (report: SegmentReport): Uint8Array => format.encode(report);

/** @throws ProtocolError */
export const parseSegmentReport = (bytes: Uint8Array): SegmentReport => format.decode(bytes);

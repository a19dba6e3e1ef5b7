import {
  bytes16,
  type CodecType,
  createFormat,
  flag,
  hash,
  list,
  struct,
  text,
  u16,
  u32,
} from '../../../base/codec.ts';
import type { HybridSigner } from '../../../crypto/crypto.ts';

export const MIN_STAGES = 4;
/** The most stages: a thousand blocks, and embedding, LM-head input and logits. */
export const MAX_STAGES = 1027;
export const MAX_TRACE_BYTES = 40 * 1024;
/** The most bytes of a part. 64 candidates and 256 directions of one position need less. */
const MAX_ROW_PART = 1024;

const traceCodec = struct({
  /** SHA-256 of the record's signed bytes. */
  recordHash: hash,
  modelRoot: hash,
  /** The class in which the pass ran. */
  numericClass: text(255),
  /** The tracer's claim that its pass reproduces the declared class bit for bit. */
  exact: flag,
  promptTokensHash: hash,
  outputTokensHash: hash,
  /** Index of the output token, from 0. */
  position: u32,
  /** The tracer's own commitment there: a window of this one position. It is compared as bytes and not decoded. */
  row: struct({ draws: bytes16(MAX_ROW_PART), sketch: bytes16(MAX_ROW_PART) }),
  /** SHA-256 of each f32 row of the position, little-endian: embedding, every block, LM-head input, logits. */
  stages: list(hash, { count: u16, min: MIN_STAGES, max: MAX_STAGES }),
});

/** A machine's computation at one position of a claimed reply, layer by layer (docs/spec/replay-tier.md). */
export interface TraceReport extends CodecType<typeof traceCodec> {}

const traceFormat = createFormat(traceCodec, { tag: 'ogong-trace-v1', maxBytes: MAX_TRACE_BYTES });

export const encodeTraceReport: (report: TraceReport) => Uint8Array = traceFormat.encode;
export const parseTraceReport: (bytes: Uint8Array) => TraceReport = traceFormat.decode;

export interface SignedTrace {
  /** Canonical report, the exact bytes that were signed. */
  readonly report: Uint8Array;
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

export function signTrace(signer: HybridSigner, report: TraceReport): SignedTrace {
  const bytes = encodeTraceReport(report);
  return { report: bytes, key: signer.publicKey, signature: signer.sign(bytes) };
}

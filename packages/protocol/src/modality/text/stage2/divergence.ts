import { equalBytes, ProtocolError } from '../../../base/bytes.ts';
import {
  bytes,
  bytes16,
  type Codec,
  type CodecType,
  createFormat,
  hash,
  optional,
  refine,
  struct,
  text,
  u16,
  u32,
} from '../../../base/codec.ts';
import type { WindowBytes } from '../../../commitment/opening.ts';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '../../../crypto/hybrid.ts';
import type { Header } from '../commitment/header.ts';
import {
  decodeDraws,
  decodeSketch,
  encodeDraws,
  encodeSketch,
  type ShapeRun,
  WINDOW_TOKENS,
} from '../commitment/window.ts';
import { MAX_TRACE_BYTES, parseTraceReport, type SignedTrace, type TraceReport } from './trace-report.ts';

export const MAX_DIVERGENCE_BYTES = 2 * (MAX_TRACE_BYTES + 4 * 1024);
const NO_STAGE = 0xffff;

const traceCodec: Codec<SignedTrace> = struct({
  report: bytes16(MAX_TRACE_BYTES),
  key: bytes(HYBRID_PUBLIC_KEY_BYTES),
  signature: bytes(HYBRID_SIGNATURE_BYTES),
});

const divergenceCodec = struct({
  recordHash: hash,
  /** First output token with committed values that differ from the verifier's. */
  position: u32,
  /** The provider's declared class. */
  numericClass: text(255),
  /** See computeStage. It follows from the rest, and is written for readers of the evidence. */
  stage: u16,
  /** Absent if the provider did not answer. Then no layer is named. */
  provider: optional(traceCodec),
  verifier: traceCodec,
});

/**
 * Evidence that leads from a difference to its layer (docs/spec/replay-tier.md). It names the first difference of two sets of
 * windows, and has the signed traces of both sides there.
 */
export interface DivergenceEvidence extends Omit<CodecType<typeof divergenceCodec>, 'stage'> {}

const divergenceFormat = createFormat(
  refine(divergenceCodec, ({ stage, ...evidence }) => {
    if (stage !== (computeStage(evidence) ?? NO_STAGE)) {
      throw new ProtocolError('malformed', `stage ${stage} is not where the traces part`);
    }
  }),
  { tag: 'ogong-divergence-v1', maxBytes: MAX_DIVERGENCE_BYTES },
);

/** Encodes evidence. @throws ProtocolError if the parts are not about one position of one record in the named class. */
export function encodeDivergence(evidence: DivergenceEvidence): Uint8Array {
  return divergenceFormat.encode({ ...evidence, stage: computeStage(evidence) ?? NO_STAGE });
}

/** @throws ProtocolError unless encodeDivergence would write exactly these bytes. Signatures are not checked. */
export function parseDivergence(bytes: Uint8Array): DivergenceEvidence {
  const { stage: _, ...evidence } = divergenceFormat.decode(bytes);
  return evidence;
}

/** Computes the stage at which the two sides differ, by findFirstStage; undefined without the provider's trace. */
export function computeStage({ provider, verifier, ...head }: DivergenceEvidence): number | undefined {
  const [own, other] = [verifier, provider].map((signed) => {
    if (signed === undefined) return undefined;
    const report = parseTraceReport(signed.report);
    const isAbout =
      equalBytes(report.recordHash, head.recordHash) &&
      report.position === head.position &&
      report.numericClass === head.numericClass;
    if (!isAbout) throw new ProtocolError('malformed', 'a trace is about another record, position or class');
    return report;
  });
  return own === undefined || other === undefined ? undefined : findFirstStage(other, own);
}

/**
 * Finds the first stage at which two traces differ, or that one of them lacks. If all are equal it returns their number: the
 * stage after the logits, which is the commitment.
 */
export function findFirstStage(a: Pick<TraceReport, 'stages'>, b: Pick<TraceReport, 'stages'>): number {
  const count = Math.max(a.stages.length, b.stages.length);
  for (let stage = 0; stage < count; stage++) {
    const [x, y] = [a.stages[stage], b.stages[stage]];
    if (x === undefined || y === undefined || !equalBytes(x, y)) return stage;
  }
  return count;
}

/** Describes a stage for people. @param count stages of the verifier's trace. */
export function describeStage(stage: number, count: number): string {
  if (stage === 0) return 'the embedding';
  if (stage < count - 2) return `block ${stage - 1}`;
  return ['the LM-head input', 'the logits', 'the commitment'][Math.min(stage - count + 2, 2)] as string;
}

type Shape = Pick<Header, 'vocabularySize' | 'sketchDirections'>;

/**
 * Cuts the window of one position out of a reply's, so that both sides of a comparison have one form. @throws ProtocolError.
 */
export function cutPosition(header: Shape, windows: readonly WindowBytes[], position: number): WindowBytes {
  const window = windows[Math.floor(position / WINDOW_TOKENS)];
  if (window === undefined) throw new ProtocolError('out-of-range', `there is no position ${position}`);
  return cutRow(header, window, position % WINDOW_TOKENS);
}

function cutRow(header: Shape, { draws, sketch }: WindowBytes, index: number): WindowBytes {
  const { rows, runs } = decodeDraws(draws, header);
  const row = rows[index];
  const sketched = decodeSketch(sketch, { directions: header.sketchDirections })[index];
  if (row === undefined || sketched === undefined) throw new ProtocolError('out-of-range', 'no such position');
  const run = [{ length: 1, shapeClass: findShapeClass(runs, index) }];
  return { draws: encodeDraws({ rows: [row], runs: run }, header), sketch: encodeSketch([sketched]) };
}

function findShapeClass(runs: readonly ShapeRun[], index: number): number {
  let end = 0;
  for (const { length, shapeClass } of runs) {
    end += length;
    if (index < end) return shapeClass;
  }
  return 0;
}

export function isSameRow(a: WindowBytes, b: WindowBytes): boolean {
  return equalBytes(a.draws, b.draws) && equalBytes(a.sketch, b.sketch);
}

/**
 * Finds the first position whose committed values, draws or sketch differ from the re-run's; undefined if every byte is equal.
 * @throws ProtocolError if windows do not decode.
 */
export function findFirstDivergence(
  header: Shape,
  claimed: readonly WindowBytes[],
  rerun: readonly WindowBytes[],
): number | undefined {
  const count = Math.min(claimed.length, rerun.length);
  for (let w = 0; w < count; w++) {
    const [a, b] = [claimed[w] as WindowBytes, rerun[w] as WindowBytes];
    if (isSameRow(a, b)) continue;
    const sizes = [a, b].map(({ draws }) => decodeDraws(draws, header).rows.length);
    const shared = Math.min(...sizes);
    for (let i = 0; i < shared; i++) {
      if (!isSameRow(cutRow(header, a, i), cutRow(header, b, i))) return w * WINDOW_TOKENS + i;
    }
    return w * WINDOW_TOKENS + shared;
  }
  return claimed.length === rerun.length ? undefined : count * WINDOW_TOKENS;
}

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
  /** First output token whose committed values are not the verifier's. */
  position: u32,
  /** The provider's declared class. */
  numericClass: text(255),
  /** See computeStage: it is written for whoever reads the evidence, and follows from the rest. */
  stage: u16,
  /** Absent where the provider did not answer: then no layer is named. */
  provider: optional(traceCodec),
  verifier: traceCodec,
});

/**
 * From a difference to the layer that made it (docs/spec/replay-tier.md): where two sets of windows part, and both sides'
 * word on what they computed there.
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

/** @throws ProtocolError where the parts are not about one position of one record in the named class. */
export function encodeDivergence(evidence: DivergenceEvidence): Uint8Array {
  return divergenceFormat.encode({ ...evidence, stage: computeStage(evidence) ?? NO_STAGE });
}

/** @throws ProtocolError for anything that encodeDivergence would not have written; signatures are not looked at. */
export function parseDivergence(bytes: Uint8Array): DivergenceEvidence {
  const { stage: _, ...evidence } = divergenceFormat.decode(bytes);
  return evidence;
}

/** Where the two sides part, as findFirstStage says; undefined without the provider's trace. */
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
 * First stage at which two traces differ, or that one of them lacks. Where all are equal, their number: the stage after
 * the logits, which is what was committed.
 */
export function findFirstStage(a: Pick<TraceReport, 'stages'>, b: Pick<TraceReport, 'stages'>): number {
  const count = Math.max(a.stages.length, b.stages.length);
  for (let stage = 0; stage < count; stage++) {
    const [x, y] = [a.stages[stage], b.stages[stage]];
    if (x === undefined || y === undefined || !equalBytes(x, y)) return stage;
  }
  return count;
}

/** For people. @param count stages of the verifier's trace. */
export function describeStage(stage: number, count: number): string {
  if (stage === 0) return 'the embedding';
  if (stage < count - 2) return `block ${stage - 1}`;
  return ['the LM-head input', 'the logits', 'what was committed'][Math.min(stage - count + 2, 2)] as string;
}

type Shape = Pick<Header, 'vocabularySize' | 'sketchDirections'>;

/** The window of one position, cut out of a reply's: both sides of a comparison in one form. @throws ProtocolError. */
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
 * First position whose committed values, draws or sketch, are not the re-run's; undefined where every byte is equal.
 * @throws ProtocolError where windows do not decode.
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

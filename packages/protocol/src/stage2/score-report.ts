import { createReader, createWriter, equalBytes, ProtocolError, type Reader, utf8Encode } from '../base/bytes.ts';
import { MAX_WINDOWS } from '../commitment/opening.ts';
import type { WindowBytes } from '../commitment/window.ts';
import { WEIGHT_ONE } from '../sampling/sampler.ts';

/**
 * What a verifier saw in its own teacher-forced pass over the claimed tokens (docs/spec/score-report.md). It is not told
 * what the provider committed, so it has nothing to copy; it signs these bytes with its hybrid key.
 */
export interface ScoreReport {
  /** 16 bytes, the validator's choice. */
  readonly jobId: Uint8Array;
  readonly modelRoot: Uint8Array;
  /** The class in which the pass ran. */
  readonly numericClass: string;
  /** The verifier's claim that its pass reproduces the provider's declared class bit for bit. */
  readonly exact: boolean;
  /** Of the request, templated and tokenised by the verifier. */
  readonly promptTokensHash: Uint8Array;
  readonly promptTokenCount: number;
  readonly vocabularyHash: Uint8Array;
  /** SHA-256 of the reply's text as the claimed tokens spell it, cut at stop strings. */
  readonly responseHash: Uint8Array;
  /** Position of the first stop token in the output, or NO_STOP_TOKEN. */
  readonly firstStopToken: number;
  /**
   * First position at which this verifier's engine would have listed another number of candidates, or named another token
   * for a draw from the tail; NO_OTHER_CHOICE where there is none. Undefined in a report of version 1, which says nothing.
   */
  readonly firstOtherChoice: number | undefined;
  /** The draw from the tail that falls farthest from the token claimed for it; undefined in reports of versions 1 and 2. */
  readonly tailGap: TailGap | undefined;
  /** Context size of the verifier's model, in tokens. */
  readonly contextSize: number;
  readonly elapsedMs: number;
  readonly windows: readonly WindowBytes[];
}

export interface TailGap {
  /** Share of the unlisted mass that lies between the draw and the claimed token, 2^-24 units, 0..2^24. */
  readonly gap: number;
  /** 2^32 - 1 where the gap is 0. */
  readonly position: number;
}

export const NO_STOP_TOKEN = 0xffffffff;
export const NO_OTHER_CHOICE = 0xffffffff;
export const MAX_REPORT_BYTES = 48 * 1024 * 1024;
export const NO_TAIL_GAP: TailGap = { gap: 0, position: 0xffffffff };
/** By version: the first says nothing of choices, the second nothing of gaps. Kept samples hold such; as an answer none passes. */
const DOMAINS = [1, 2, 3].map((version) => utf8Encode(`ogong-score-report-v${version}\n`));
const MAX_WINDOW_PART = 0xffff;

export function encodeScoreReport(report: ScoreReport): Uint8Array {
  const { firstOtherChoice, tailGap } = report;
  const version = firstOtherChoice === undefined ? 1 : tailGap === undefined ? 2 : 3;
  const writer = createWriter(8192)
    .bytes(DOMAINS[version - 1] as Uint8Array)
    .bytes(report.jobId, 16)
    .bytes(report.modelRoot, 32)
    .text(report.numericClass)
    .u8(report.exact ? 1 : 0)
    .bytes(report.promptTokensHash, 32)
    .u32(report.promptTokenCount)
    .bytes(report.vocabularyHash, 32)
    .bytes(report.responseHash, 32)
    .u32(report.firstStopToken);
  if (firstOtherChoice !== undefined) writer.u32(firstOtherChoice);
  if (version === 3) writer.u32(tailGap?.gap as number).u32(tailGap?.position as number);
  writer.u32(report.contextSize).u32(report.elapsedMs).u16(report.windows.length);
  for (const { draws, sketch } of report.windows) writer.bytes16(draws).bytes16(sketch);
  return writer.finish();
}

/** @throws ProtocolError */
export function parseScoreReport(bytes: Uint8Array): ScoreReport {
  const reader = createReader(bytes);
  const domain = reader.bytes(DOMAINS[0]?.length as number);
  const version = 1 + DOMAINS.findIndex((one) => equalBytes(one, domain));
  if (version === 0) throw new ProtocolError('malformed', 'not a score report');
  const report = {
    jobId: reader.bytes(16),
    modelRoot: reader.bytes(32),
    numericClass: reader.text(255),
    exact: parseFlag(reader.u8()),
    promptTokensHash: reader.bytes(32),
    promptTokenCount: reader.u32(),
    vocabularyHash: reader.bytes(32),
    responseHash: reader.bytes(32),
    firstStopToken: reader.u32(),
    firstOtherChoice: version === 1 ? undefined : reader.u32(),
    tailGap: version < 3 ? undefined : parseTailGap(reader),
    contextSize: reader.u32(),
    elapsedMs: reader.u32(),
  };
  const count = reader.u16();
  if (count > MAX_WINDOWS) throw new ProtocolError('too-large', `${count} windows, at most ${MAX_WINDOWS}`);
  const windows = Array.from({ length: count }, () => ({
    draws: reader.bytes16(MAX_WINDOW_PART),
    sketch: reader.bytes16(MAX_WINDOW_PART),
  }));
  reader.end();
  return { ...report, windows };
}

function parseTailGap(reader: Reader): TailGap {
  const gap = reader.u32();
  const position = reader.u32();
  if (gap > WEIGHT_ONE) throw new ProtocolError('out-of-range', `a gap of ${gap}`);
  if ((gap === 0) !== (position === NO_TAIL_GAP.position)) {
    throw new ProtocolError('malformed', `a gap of ${gap} at position ${position}`);
  }
  return { gap, position };
}

function parseFlag(value: number): boolean {
  if (value > 1) throw new ProtocolError('out-of-range', `flag ${value}`);
  return value === 1;
}

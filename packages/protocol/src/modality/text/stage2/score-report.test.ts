import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import { anyEdge } from '@ogong/testing/protocol/edge-fixture';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, ProtocolError, utf8Encode } from '../../../base/bytes.ts';
import {
  encodeScoreReport,
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  NO_TAIL_GAP,
  parseScoreReport,
  type ScoreReport,
  type TailGap,
} from './score-report.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u32 = (...special: number[]) => fc.oneof(fc.constantFrom(0, ...special), fc.nat(2 ** 31 - 1));
const anyGap: fc.Arbitrary<TailGap> = fc.oneof(
  fc.constant(NO_TAIL_GAP),
  fc.record({ gap: fc.integer({ min: 1, max: 2 ** 24 }), position: fc.nat(2 ** 31 - 1) }),
);
const anyReport: fc.Arbitrary<ScoreReport> = fc.record({
  jobId: bytes(16),
  modelRoot: bytes(32),
  numericClass: fc.string({ maxLength: 40 }),
  exact: fc.boolean(),
  promptTokensHash: bytes(32),
  promptTokenCount: u32(),
  vocabularyHash: bytes(32),
  responseHash: bytes(32),
  firstStopToken: u32(NO_STOP_TOKEN),
  firstOtherChoice: u32(NO_OTHER_CHOICE),
  tailGap: anyGap,
  contextSize: u32(),
  elapsedMs: u32(),
  pictureDistance: u32(),
  windows: fc.array(fc.record({ draws: fc.uint8Array({ maxLength: 9 }), sketch: fc.uint8Array({ maxLength: 9 }) }), {
    maxLength: 3,
  }),
  edges: fc.array(anyEdge, { maxLength: 2 }),
});

describe('a score report', () => {
  it('has one encoding', () => checkCodec(anyReport, encodeScoreReport, parseScoreReport));

  it('has no gap above one, and none without a position', () => {
    const [report] = fc.sample(anyReport, { numRuns: 1, seed: 5 }) as [ScoreReport];
    for (const tailGap of [
      { gap: 2 ** 24 + 1, position: 1 },
      { gap: 0, position: 1 },
      { gap: 1, position: NO_TAIL_GAP.position },
    ]) {
      expect(() => parseScoreReport(encodeScoreReport({ ...report, tailGap }))).toThrow('gap');
    }
  });

  it.each(['ogong-score-report-v2\n', 'ogong-score-report-v3\n', ''])('does not parse under the tag %j', (tag) => {
    const [report] = fc.sample(anyReport, { numRuns: 1, seed: 5 }) as [ScoreReport];
    const rest = encodeScoreReport(report).subarray('ogong-score-report-v1\n'.length);
    expect(() => parseScoreReport(concatBytes(utf8Encode(tag), rest))).toThrow(ProtocolError);
  });
});

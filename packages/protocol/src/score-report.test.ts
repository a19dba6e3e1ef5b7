import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from './bytes.ts';
import { checkCodec } from './codec-compliance.ts';
import {
  encodeScoreReport,
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  parseScoreReport,
  type ScoreReport,
} from './score-report.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u32 = (...special: number[]) => fc.oneof(fc.constantFrom(0, ...special), fc.nat(2 ** 31 - 1));
const anyReport = (firstOtherChoice: fc.Arbitrary<number | undefined>): fc.Arbitrary<ScoreReport> =>
  fc.record({
    jobId: bytes(16),
    modelRoot: bytes(32),
    numericClass: fc.string({ maxLength: 40 }),
    exact: fc.boolean(),
    promptTokensHash: bytes(32),
    promptTokenCount: u32(),
    vocabularyHash: bytes(32),
    responseHash: bytes(32),
    firstStopToken: u32(NO_STOP_TOKEN),
    firstOtherChoice,
    contextSize: u32(),
    elapsedMs: u32(),
    windows: fc.array(fc.record({ draws: fc.uint8Array({ maxLength: 9 }), sketch: fc.uint8Array({ maxLength: 9 }) }), {
      maxLength: 3,
    }),
  });

describe('a score report', () => {
  it('has one encoding', () => checkCodec(anyReport(u32(NO_OTHER_CHOICE)), encodeScoreReport, parseScoreReport));

  it('of version 1 is read, too: it says nothing of choices', () =>
    checkCodec(anyReport(fc.constant(undefined)), encodeScoreReport, parseScoreReport));

  it('is another one in another version', () => {
    const [report] = fc.sample(anyReport(fc.constant(NO_OTHER_CHOICE)), { numRuns: 1, seed: 5 }) as [ScoreReport];
    const [first, second] = [{ ...report, firstOtherChoice: undefined }, report].map(encodeScoreReport);
    expect(second!.length - first!.length).toBe(4);
    expect(toHex(first!.subarray(0, 22))).not.toBe(toHex(second!.subarray(0, 22)));
  });
});

import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import { anyEdge } from '@ogong/testing/protocol/edge-fixture';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, ProtocolError, utf8Encode } from '../../../base/bytes.ts';
import { encodeSegmentReport, parseSegmentReport, type SegmentReport } from './segment-report.ts';
import { encodeTextClaim, parseTextClaim, type TextClaim } from './text-claim.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const anyReport: fc.Arbitrary<SegmentReport> = fc.record({
  jobId: bytes(16),
  modelRoot: bytes(32),
  numericClass: fc.string({ maxLength: 40 }),
  exact: fc.boolean(),
  contextSize: fc.nat(2 ** 31 - 1),
  elapsedMs: fc.nat(2 ** 31 - 1),
  edge: anyEdge,
});

describe('a report of one shard', () => {
  it('has one encoding', () => checkCodec(anyReport, encodeSegmentReport, parseSegmentReport));

  it('does not parse under the tag of a report of the whole model', () => {
    const [report] = fc.sample(anyReport, { numRuns: 1, seed: 5 }) as [SegmentReport];
    const rest = encodeSegmentReport(report).subarray('ogong-segment-report-v1\n'.length);
    expect(() => parseSegmentReport(concatBytes(utf8Encode('ogong-score-report-v1\n'), rest))).toThrow(ProtocolError);
  });
});

describe('a job about one shard', () => {
  const claim = { blind: new Uint8Array(32), outputTokens: new Uint8Array(4), listSizes: new Uint8Array(1) };
  const anyClaim: fc.Arbitrary<TextClaim> = fc
    .record({
      firstLayer: fc.nat(0xffff),
      layers: fc.integer({ min: 1, max: 0xffff }),
      input: fc.record({ bytes: fc.integer({ min: 1, max: 2 ** 30 }), root: bytes(32) }),
    })
    .map((segment) => ({ ...claim, segment }));

  it('has one encoding', () => checkCodec(anyClaim, encodeTextClaim, parseTextClaim));

  it('has a layer', () => {
    const segment = { firstLayer: 3, layers: 0, input: { bytes: 4, root: new Uint8Array(32) } };
    expect(() => parseTextClaim(encodeTextClaim({ ...claim, segment }))).toThrow(ProtocolError);
  });
});

import { create } from '@bufbuild/protobuf';
import type { SegmentEngineInfo, SegmentPass } from '@ogong/engine/interface/segment';
import { RunSegmentRequestSchema, SegmentFactsSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import { encodeFacts, encodePass, type MachineSegment, readFacts, readPass, readRows } from './segment-wire.ts';

const INFO: SegmentEngineInfo = {
  ...{ place: 'interior', layers: 2, embeddingSize: 4, vocabularySize: 0, contextSize: 64, sequences: 2, passRows: 8 },
  ...{ numericClass: 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16', canDropPositions: true },
};
const SEGMENT: MachineSegment = { info: INFO, range: { from: 2, to: 4, layers: 5, modelRoot: 'ab'.repeat(32) } };
const LEAD = new Uint8Array(16).fill(7);
const PASS: SegmentPass = {
  kind: 'step',
  groups: [{ sequence: 1, position: 3, rows: 2 }],
  input: Float32Array.from({ length: 8 }, (_, i) => i / 3),
};

it('a pass and the facts of a segment come back as they were', () => {
  expect(readPass(create(RunSegmentRequestSchema, encodePass(PASS, LEAD)), INFO)).toEqual(PASS);
  const first = { ...PASS, input: Uint32Array.of(1, 0xffffffff) };
  const info = { ...INFO, place: 'first' as const };
  expect(readPass(create(RunSegmentRequestSchema, encodePass(first, LEAD)), info)).toEqual(first);
  expect(readFacts(create(SegmentFactsSchema, encodeFacts(SEGMENT, LEAD)))).toEqual(SEGMENT);
});

describe('a pass is refused', () => {
  const rows = (count: number) => [{ sequence: 0, position: 0, rows: count }];
  it.each<[string, object, string]>([
    ['of an unknown kind', { kind: 3 }, '3 is no kind of pass'],
    [
      'with more sequences than the segment has',
      { groups: [...rows(1), ...rows(1), ...rows(0)] },
      '2 sequences at most',
    ],
    ['with more rows than a pass has', { groups: rows(9) }, '8 rows at most, not 9'],
    ['with rows whose sum is no small number', { groups: rows(0xffffffff) }, '8 rows at most'],
    ['with a byte too few', { input: new Uint8Array(31) }, '31 bytes are not 2 rows of 4 values'],
    ['with a byte too many', { input: new Uint8Array(33) }, '33 bytes are not 2 rows'],
    ['with a value that is not finite', { input: new Uint8Array(32).fill(255) }, 'not finite'],
  ])('%s', (_name, change, reason) => {
    const request = create(RunSegmentRequestSchema, { ...encodePass(PASS, LEAD), ...change });
    expect(() => readPass(request, INFO)).toThrow(reason);
  });

  it('with tokens of another length, at the first segment', () => {
    const request = create(RunSegmentRequestSchema, { ...encodePass(PASS, LEAD), input: new Uint8Array(7) });
    expect(() => readPass(request, { ...INFO, place: 'first' })).toThrow('a token a row');
  });
});

it.each<[string, object]>([
  ['the last layers', { to: 5 }],
  ['no layers', { to: 2 }],
  ['too many layers', { layers: 0x10000 }],
  ['no rows', { passRows: 0 }],
  ['passes above the limit', { passRows: 0x10000, embeddingSize: 0x10000 }],
  ['a numeric class with control characters', { numericClass: 'a\u001b[31m' }],
  ['a long numeric class', { numericClass: 'a'.repeat(257) }],
  ['half a model root', { modelRoot: new Uint8Array(16) }],
])('facts with %s are refused', (_name, change) => {
  expect(() => readFacts(create(SegmentFactsSchema, { ...encodeFacts(SEGMENT, LEAD), ...change }))).toThrow(RangeError);
});

it('rows of an answer are refused unless they are as many as were asked for', () => {
  expect(readRows(new Uint8Array(32), 2, INFO)).toHaveLength(8);
  expect(() => readRows(new Uint8Array(16), 2, INFO)).toThrow('16 bytes are not 2 rows');
});

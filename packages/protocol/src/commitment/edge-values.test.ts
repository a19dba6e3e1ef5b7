import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import { anyEdge } from '@ogong/testing/protocol/edge-fixture';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFormat } from '../base/codec.ts';
import { type EdgeValues, edgeList, MAX_EDGE_POSITIONS, widthOf } from './edge-values.ts';

const { encode, decode } = createFormat(edgeList, { tag: 'test' });
const rows = { bytes: 40 * 8 * 4, root: new Uint8Array(32) };
const edge: EdgeValues = { positions: 40, rows, sketches: [new Uint8Array(2 + 32 * 25), new Uint8Array(2 + 8 * 25)] };

describe('values of an edge', () => {
  it('have one encoding', () => checkCodec(fc.array(anyEdge, { maxLength: 3 }), encode, decode));

  it('have the width of their rows', () => expect(widthOf(edge)).toBe(8));

  it.each([
    ['a row that is cut', { rows: { ...rows, bytes: rows.bytes - 4 } }, 'rows of 1276 bytes'],
    ['a window too few', { sketches: edge.sketches.slice(0, 1) }, '1 sketches'],
    ['a window too many', { sketches: [...edge.sketches, new Uint8Array(27)] }, '3 sketches'],
    ['no window', { sketches: [] }, '0 items'],
    ['a window of another width', { sketches: [edge.sketches[0], new Uint8Array(2 + 8 * 13)] }, 'in window 1'],
    ['a window of no known width', { sketches: edge.sketches.map(() => new Uint8Array(34)) }, 'a sketch of 34 bytes'],
    ['no position', { positions: 0 }, '0'],
    ['too many positions', { positions: MAX_EDGE_POSITIONS + 1 }, `${MAX_EDGE_POSITIONS + 1}`],
  ] as [string, Partial<EdgeValues>, string][])('are refused with %s', (_, change, reason) => {
    expect(() => encode([{ ...edge, ...change }])).toThrow(reason);
  });
});

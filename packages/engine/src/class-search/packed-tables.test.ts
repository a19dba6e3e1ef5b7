import { describe, expect, it } from 'vitest';
import { decodeClassTables, encodeClassTables } from './packed-tables.ts';
import type { ClassTable } from './table.ts';

const TABLE: ClassTable = {
  ...{ build: 'llama.cpp-1', backend: 'cpu', isa: 'haswell', positions: 8 },
  model: { name: 'm', weights: 'f32', root: '0a'.repeat(32) },
  refused: [{ setup: 'q8_0', reason: 'no such cache' }],
  findings: ['flash', 'no flash'].flatMap((setup) =>
    [64, 320].flatMap((start) =>
      ['forced 1', 'forced 2'].map((shape) => ({
        ...{ setup, start, shape },
        digest: shape === 'forced 1' && start === 64 ? 'aa' : `${setup} ${start}`,
      })),
    ),
  ),
};

describe('packed class tables', () => {
  it('are read as they were found', () => {
    const text = encodeClassTables([TABLE, { ...TABLE, isa: 'sse42' }]);
    expect(text.split('\n')).toHaveLength(5);
    expect(decodeClassTables(text)).toEqual([TABLE, { ...TABLE, isa: 'sse42' }]);
  });

  it('are never written where a finding is missing, twice or out of order', () => {
    const { findings } = TABLE;
    const [first] = findings;
    const twice = [...findings, first!];
    for (const wrong of [findings.slice(1), findings.slice(0, -1), twice, findings.toReversed().toSpliced(1, 1)])
      expect(() => encodeClassTables([{ ...TABLE, findings: wrong }])).toThrow(RangeError);
  });

  it('are refused where a finding has no digest, and as the list of findings that they were once', () => {
    const text = encodeClassTables([TABLE]);
    expect(() => decodeClassTables(text.replace('"digests":["aa",', '"digests":['))).toThrow(/no digest of /);
    expect(() => decodeClassTables(JSON.stringify([TABLE]))).toThrow('not a file of packed class tables');
  });
});

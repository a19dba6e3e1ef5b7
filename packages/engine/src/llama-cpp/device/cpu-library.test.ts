import { describe, expect, it } from 'vitest';
import { chooseCpuLibrary } from './cpu-library.ts';

const machine = (...names: string[]): ReadonlyMap<string, number> =>
  new Map(
    ['x64', 'sse42', 'sandybridge', 'haswell', 'skylakex'].map((name, i) => [name, names.includes(name) ? i + 1 : 0]),
  );

describe('the CPU library', () => {
  const server = machine('x64', 'sse42', 'sandybridge', 'haswell', 'skylakex');
  const old = machine('x64', 'sse42', 'sandybridge');

  it('is by itself the one that most machines share, and an exact one', () => {
    expect(chooseCpuLibrary('auto', server)).toBe('haswell');
    expect(chooseCpuLibrary('auto', old)).toBe('sse42');
  });

  it('is the best one where none of those runs, or where that is asked for', () => {
    expect(chooseCpuLibrary('auto', machine('x64'))).toBe('x64');
    expect(
      chooseCpuLibrary(
        'auto',
        new Map([
          ['armv8.2_1', 3],
          ['armv8.0_1', 1],
        ]),
      ),
    ).toBe('armv8.2_1');
    expect([chooseCpuLibrary('native', server), chooseCpuLibrary('native', old)]).toEqual(['skylakex', 'sandybridge']);
    const equal = new Map([
      ['b', 1],
      ['a', 1],
    ]);
    expect(chooseCpuLibrary('native', equal)).toBe('a');
  });

  it('is the one that is named, whether it runs or not', () => {
    expect(chooseCpuLibrary('skylakex', old)).toBe('skylakex');
    expect(chooseCpuLibrary('auto', new Map())).toBe('');
  });
});

import { describe, expect, it } from 'vitest';
import { parseTestCommand, UsageError } from './command.ts';

const unit = (part: string, file?: string) => ({ name: file ?? `:${part}`, part, file });
const all = [
  unit('check'),
  unit('fast', 'packages/a/src/a.test.ts'),
  unit('fast', 'packages/ab/src/a.test.ts'),
  unit('simulation', 'lab/src/s.simulation.test.ts'),
  unit('process', 'packages/a/src/p.process.test.ts'),
  unit('contracts'),
];
const names = (...words: string[]) => parseTestCommand(words, all).units.map(({ name }) => name);

describe('the words of npm test', () => {
  it.each([
    [[], [':check', 'packages/a/src/a.test.ts', 'packages/ab/src/a.test.ts', 'lab/src/s.simulation.test.ts']],
    [['all'], all.map(({ name }) => name)],
    [
      ['fast', 'contracts'],
      ['packages/a/src/a.test.ts', 'packages/ab/src/a.test.ts', ':contracts'],
    ],
    [['packages/a'], ['packages/a/src/a.test.ts', 'packages/a/src/p.process.test.ts']],
    [
      ['./packages/a/', 'lab'],
      ['packages/a/src/a.test.ts', 'lab/src/s.simulation.test.ts', 'packages/a/src/p.process.test.ts'],
    ],
    [['process', 'packages/a'], ['packages/a/src/p.process.test.ts']],
    [['packages/a/src/a.test.ts'], ['packages/a/src/a.test.ts']],
    [['sample'], ['packages/a/src/p.process.test.ts', ':contracts']],
    [
      ['sample', 'fast'],
      ['packages/a/src/a.test.ts', 'packages/ab/src/a.test.ts'],
    ],
  ])('%j name units', (words, expected) => {
    expect(names(...words)).toEqual(expected);
  });

  it.each([
    [['nosuch'], 'nosuch is no part, and no folder or file with tests'],
    [['packages/b'], 'packages/b is no part, and no folder or file with tests'],
    [['process', 'lab'], 'no test of process is in lab'],
    [['sample', '--minutes', 'x'], '--minutes x: not a number above 0'],
    [['--nosuch'], "Unknown option '--nosuch'"],
  ])('%j are refused', (words, message) => {
    expect(() => parseTestCommand(words, all)).toThrow(UsageError);
    expect(() => parseTestCommand(words, all)).toThrow(message);
  });

  it('options have defaults', () => {
    const { base, minutes, isPlan, isSample, writesSeconds } = parseTestCommand(['plan', 'sample'], all);
    expect([base, minutes, isPlan, isSample, writesSeconds]).toEqual([undefined, 20, true, true, false]);
    const given = parseTestCommand(['sample', '--base', 'v1', '--minutes', '7.5', '--write-seconds'], all);
    expect([given.base, given.minutes, given.isPlan, given.writesSeconds]).toEqual(['v1', 7.5, false, true]);
  });
});

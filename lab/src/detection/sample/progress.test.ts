import { expect, it } from 'vitest';
import type { Experiment } from '../plan/experiments.ts';
import { createProgressLine } from './progress.ts';

const experiment = { weights: 'f16', source: 'substitute', provider: 'cpu-exact', verifier: 'cpu-fast', replies: 4 };

function watch(total: number) {
  const lines: string[] = [];
  let ms = 0;
  const progress = createProgressLine(total, { nowMs: () => ms, write: (line) => lines.push(line) });
  const report = (at: number): void => {
    ms = at;
    progress.report(experiment as Experiment, { done: 1, total: 4, verifier: undefined } as never);
  };
  return { lines, report, finish: progress.finish };
}

it('prints every ten seconds how much is done and how long the rest takes', () => {
  const { lines, report, finish } = watch(4);
  report(5000);
  expect(lines).toEqual([]);
  report(10_000);
  finish(0);
  finish(0);
  report(15_000);
  report(60_000);
  expect(lines).toEqual([
    '0 %: 0 of 4 experiments done; now substitute sold as f16, 1 of 4 served by cpu-exact',
    '25 %: 1 of 4 experiments done, about 3 minutes left; now substitute sold as f16, 1 of 4 served by cpu-exact',
  ]);
});

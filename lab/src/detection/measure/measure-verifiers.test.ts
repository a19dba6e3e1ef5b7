import { expect, it } from 'vitest';
import { SETTINGS } from '../../verifiers/settings.ts';
import { listTasks, measureVerifierRows, toTellRows } from './measure-verifiers.ts';

it('every strategy of every setting is a task of its own', () => {
  const names = listTasks({ epochs: 0, worlds: 2 }).map((task) =>
    task.kind === 'live' ? [task.setting.name, task.setting.strategies.map(({ name }) => name)] : [],
  );
  expect(names).toEqual(SETTINGS.flatMap(({ name, strategies }) => strategies.map((each) => [name, [each.name]])));
});

it('audits are told from other traffic where half of it, nearly all, and all of it is audited', () => {
  const told = listTasks({ epochs: 3, worlds: 4 }).flatMap((task) => (task.kind === 'tell' ? [task.traffic] : []));
  expect(told.map(({ epochs, worlds, alphaPpm }) => [epochs, worlds, alphaPpm])).toEqual([
    [3, 4, 500_000],
    [3, 4, 950_000],
    [3, 4, 1_000_000],
  ]);
});

it('ends its threads when it is stopped, and rejects', async () => {
  const stopping = new AbortController();
  const measured = measureVerifierRows(
    { seed: 1, replies: 100_000, runs: 1000, epochs: 0, worlds: 2 },
    { onProgress: () => {}, signal: stopping.signal },
    1,
  );
  setTimeout(() => stopping.abort(), 100);
  await expect(measured).rejects.toThrow('measurements of verifiers came back');
});

it('leaves out a view that has examples of one kind only', () => {
  const row = { question: 'honeypot or job', view: 'two', positives: 12, negatives: 30 };
  const told = [
    { ...row, repeated: 0, auc: { mean: 0.5, low: 0.4, high: 0.6 } },
    { ...row, positives: 0, repeated: 0, auc: { mean: Number.NaN, low: 0, high: 0 } },
  ];
  const rows = toTellRows(told, { alphaPpm: 1_000_000 });
  expect(rows).toEqual([{ audited: 1, ...row, auc: told[0]?.auc }]);
});

import { expect, it } from 'vitest';
import { SETTINGS } from '../verifiers/settings.ts';
import { listLives, measureVerifierRows } from './verifier-rows.ts';

it('every strategy of every setting is a life of its own', () => {
  const names = listLives(SETTINGS).map(({ name, strategies }) => [name, strategies.map((each) => each.name)]);
  expect(names).toEqual(SETTINGS.flatMap(({ name, strategies }) => strategies.map((each) => [name, [each.name]])));
});

it('lives that are stopped end their threads, and are no result', async () => {
  const stopping = new AbortController();
  const lived = measureVerifierRows(
    { seed: 1, replies: 100_000, runs: 1000 },
    { onProgress: () => {}, signal: stopping.signal },
    1,
  );
  setTimeout(() => stopping.abort(), 100);
  await expect(lived).rejects.toThrow('0 lives came back');
});

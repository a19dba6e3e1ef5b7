import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type EqualityRun, encodeRun } from '../../equality/run-file.ts';
import { NO_COUNTS } from '../../equality/serve-round.ts';
import { createSyntheticResults } from '../synthetic-results.ts';
import { renderDetection } from './render-detection.ts';
import { parseResults } from './results-json.ts';

const whole = createSyntheticResults();
/** One pair of it, so that there is less to draw. */
const results = {
  ...whole,
  honest: whole.honest.slice(0, 1),
  attacks: whole.attacks.filter(({ weights, verifier }) => weights === 'f16' && verifier === 'cpu-reference'),
};
const root = mkdtempSync(join(tmpdir(), 'ogong-detection-'));
afterAll(() => rmSync(root, { recursive: true }));

const listFiles = (directory: string): string[] =>
  (readdirSync(directory, { recursive: true }) as string[])
    .filter((name) => statSync(join(directory, name)).isFile())
    .sort();

it('writes the same report again from its own data', async () => {
  const [first, second] = [join(root, 'a', 'first'), join(root, 'second')];
  const written = await renderDetection(results, first);
  expect(written.map((path) => path.slice(first.length + 1)).sort()).toEqual(listFiles(first));
  expect(listFiles(first)).toEqual(
    expect.arrayContaining([
      'README.md',
      'aims.md',
      'attacks.md',
      'honest.csv',
      'honest.md',
      'results.json',
      'verifiers.md',
    ]),
  );
  await renderDetection(parseResults(readFileSync(join(first, 'results.json'), 'utf8')), second);
  expect(listFiles(second)).toEqual(listFiles(first));
  for (const name of listFiles(first))
    expect(readFileSync(join(second, name)).equals(readFileSync(join(first, name))), name).toBe(true);
});

it('includes the results about conversations, and computes the aims from them', async () => {
  const directory = join(root, 'talks');
  const aim = {
    aim: 'exact classes, Vulkan: honest distance 0 on 1e5 tokens of stories15M',
    measured: '',
    outcome: 'missed' as const,
    note: '',
  };
  const run: EqualityRun = {
    ...{ version: 1, way: 'vulkan', model: 'stories15M', weights: 'f16', code: 'c0de', maxTokens: 96, promptTokens: 0 },
    ...{
      machine: 'm',
      day: '2030-01-02',
      numericClass: 'llama.cpp-0.0.0/vulkan/any/shaped/f16/kv-f16/no-fa',
      rounds: 1,
    },
    counts: { ...NO_COUNTS, replies: 900, tokens: 60_000 },
  };
  const judge = async (...runs: readonly EqualityRun[]) => {
    mkdirSync(join(directory, 'conversations'), { recursive: true });
    for (const [i, each] of runs.entries())
      writeFileSync(join(directory, 'conversations', `${i}.json`), encodeRun(each));
    await renderDetection({ ...results, aims: [...results.aims, aim] }, directory);
    const page = readFileSync(join(directory, 'aims.md'), 'utf8');
    return page.split('\n').find((line) => line.startsWith(`| ${aim.aim}`));
  };
  expect(await judge(run)).toContain('60000 tokens | not decided by this sample');
  expect(await judge(run, run)).toContain('0 replies differ, 120000 tokens | met');
  expect(await judge(run, { ...run, counts: { ...run.counts, differing: 1 } })).toMatch(
    /1 replies differ.*\*\*MISSED\*\*/,
  );
  const cpu = { ...run, numericClass: run.numericClass.replace('vulkan', 'cpu') };
  expect(await judge(run, cpu)).toContain('60000 tokens | not decided by this sample');
});

it('shows every plot on a page, and removes those of another run', async () => {
  const directory = join(root, 'again');
  await renderDetection(results, directory);
  const stale = join(directory, 'plots', 'caught-q9_9.png');
  writeFileSync(stale, 'old');
  writeFileSync(join(directory, 'classes.md'), 'of others');
  const written = await renderDetection(results, directory);
  expect(existsSync(stale)).toBe(false);
  expect(existsSync(join(directory, 'classes.md'))).toBe(true);
  const pages = ['attacks.md', 'honest.md'].map((name) => readFileSync(join(directory, name), 'utf8')).join('\n');
  const shown = [...pages.matchAll(/\((plots\/[^)]+)\)/g)].map(([, path]) => join(directory, path as string));
  expect(shown.sort()).toEqual(written.filter((path) => path.includes('plots')).sort());
  expect(shown.length).toBe(3);
});

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MUTATIONS } from './mutations.ts';
import type { SimulateOptions } from './options.ts';

/** What became of one known bug. */
export interface BugSearch {
  readonly name: string;
  readonly meaning: string;
  /** What it broke; undefined where nothing was found within the budget. */
  readonly invariant: string | undefined;
  readonly seeds: number;
  readonly cpuS: number;
}

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const MOST_SEEDS = 10_000;

/** Plants each known bug in a process of its own, and runs seeds until an invariant breaks. @returns 1 where one was not found. */
export function hunt(options: SimulateOptions, print: (text: string) => void): number {
  const found = MUTATIONS.filter(({ name }) => !options.mutation || options.mutation === name).map((mutation) => {
    const { name, meaning } = mutation;
    const { minutes, validators } = options.plan;
    const flags = ['--mutation', name, '--seed', options.seed, '--seeds', MOST_SEEDS, '--minutes', minutes];
    const limits = ['--validators', validators, '--budget', options.budgetMs / 1_000, '--json', '--no-shrink'];
    const child = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', MAIN, ...[...flags, ...limits].map(String)],
      {
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
      },
    );
    if (child.status !== 0 && child.status !== 1) throw new Error(`${name}: ${child.stderr}`);
    const outcomes = child.stdout
      .split('\n')
      .filter((line) => line.startsWith('{"plan"'))
      .map((line) => JSON.parse(line) as { cpuMs: number; violations: { invariant: string }[] });
    const cpuS = outcomes.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 1_000;
    const one: BugSearch = {
      ...{ name, meaning, seeds: outcomes.length, cpuS },
      invariant: outcomes.at(-1)?.violations[0]?.invariant,
    };
    print(options.json ? JSON.stringify(one) : describeFound(one));
    return one;
  });
  return found.every(({ invariant }) => invariant !== undefined) ? 0 : 1;
}

const describeFound = ({ name, invariant, seeds, cpuS }: BugSearch): string =>
  `${name.padEnd(28)} ${invariant ?? 'NOT FOUND'} (${seeds} seeds, ${cpuS.toFixed(1)} s)`;

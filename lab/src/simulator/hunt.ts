import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MUTATIONS } from './mutations.ts';
import type { SimulateOptions } from './options.ts';

/** Result of the search for one known bug. */
export interface BugSearch {
  readonly name: string;
  readonly meaning: string;
  /** The invariant that it broke; undefined if none broke within the budget. */
  readonly invariant: string | undefined;
  readonly seeds: number;
  readonly cpuS: number;
  /** Seeds that break an invariant without the bug, too: they find nothing. */
  readonly alsoBroken: readonly number[];
}

interface Played {
  readonly plan: { readonly seed: number };
  readonly cpuMs: number;
  readonly violations: readonly { readonly invariant: string }[];
}

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const MOST_SEEDS = 10_000;

/**
 * Plants each known bug in its own process. It runs seeds until an invariant breaks that holds in the same run without the bug.
 * @returns 1 if a bug was not found.
 */
export function hunt(options: SimulateOptions, print: (text: string) => void): number {
  const found = MUTATIONS.filter(({ name }) => !options.mutation || options.mutation === name).map((mutation) => {
    const one = huntOne(mutation, options);
    print(options.json ? JSON.stringify(one) : describeFound(one));
    return one;
  });
  return found.every(({ invariant }) => invariant !== undefined) ? 0 : 1;
}

function huntOne(
  { name, meaning }: { readonly name: string; readonly meaning: string },
  { plan, seed: first, budgetMs }: SimulateOptions,
): BugSearch {
  const { minutes, validators } = plan;
  const run = (seed: number, seeds: number, leftMs: number, more: readonly string[]): readonly Played[] => {
    const flags = [
      '--mutation',
      name,
      '--seed',
      seed,
      '--seeds',
      seeds,
      '--minutes',
      minutes,
      '--validators',
      validators,
    ];
    const limits = ['--budget', Math.max(1, leftMs / 1_000), '--json', '--no-shrink'];
    const args = ['--disable-warning=ExperimentalWarning', MAIN, ...[...flags, ...limits].map(String), ...more];
    const child = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
    const lines = (child.stdout ?? '').split('\n').filter((line) => line.startsWith('{"plan"'));
    // Each search has time for one run at least.
    const isPlayed = (child.status === 0 || child.status === 1) && lines.length > 0;
    if (!isPlayed) throw new Error(`${name} was not played to its end: ${child.error?.message ?? child.stderr}`);
    return lines.map((line) => JSON.parse(line) as Played);
  };
  const alsoBroken: number[] = [];
  let [seeds, cpuMs, seed] = [0, 0, first];
  let invariant: string | undefined;
  while (cpuMs < budgetMs && invariant === undefined) {
    const played = run(seed, MOST_SEEDS, budgetMs - cpuMs, []);
    seeds += played.length;
    cpuMs += played.reduce((sum, one) => sum + one.cpuMs, 0);
    const last = played.at(-1);
    const broken = last?.violations[0]?.invariant;
    if (last === undefined || broken === undefined) break;
    seed = last.plan.seed + 1;
    const [control] = run(last.plan.seed, 1, budgetMs, ['--control']);
    cpuMs += control?.cpuMs ?? 0;
    const isBrokenAnyway = control?.violations.some((one) => one.invariant === broken) === true;
    if (isBrokenAnyway) alsoBroken.push(last.plan.seed);
    else invariant = broken;
  }
  return { name, meaning, invariant, seeds, cpuS: cpuMs / 1_000, alsoBroken };
}

const describeFound = ({ name, invariant, seeds, cpuS, alsoBroken }: BugSearch): string => {
  const anyway = alsoBroken.length > 0 ? `, without the bug too: ${alsoBroken.join(', ')}` : '';
  return `${name.padEnd(28)} ${invariant ?? 'NOT FOUND'} (${seeds} seeds, ${cpuS.toFixed(1)} s${anyway})`;
};

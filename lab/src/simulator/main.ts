#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { existsSync, readFileSync } from 'node:fs';
import { LEAGUE, LIES, OTHER_LIES } from './lies/lie-names.ts';
import { MUTATIONS } from './mutations.ts';
import { describeFlags, FlagError, readOptions, type SimulateOptions } from './options.ts';
import { drawPlan, type Plan } from './plan.ts';
import { plantMutation } from './plant-mutation.ts';
import { createTotals, describeFailure, summarizeOutcome } from './report.ts';
import type { RunOutcome } from './run.ts';
import { parseSize } from './scale/scale-plan.ts';
import { shrinkPlan } from './shrink.ts';

const SHRINK_RUNS = 60;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function simulate(options: SimulateOptions): Promise<number> {
  const mutation = MUTATIONS.find(({ name }) => name === options.mutation);
  const planted = mutation && !options.control ? plantMutation(mutation) : undefined;
  // Import late: a planted bug counts only for modules that load after it.
  const { runPlan } = await import('./run.ts');
  planted?.assertLoaded();
  const onLine = options.trace ? print : undefined;
  const started = process.cpuUsage();
  const usedMs = (): number => {
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1_000;
  };
  // A run replaces Date and performance, but not this clock.
  const begun = process.hrtime.bigint();
  const isTime = (): boolean =>
    usedMs() < options.budgetMs && Number(process.hrtime.bigint() - begun) / 1e6 < options.forMs;
  let broken: RunOutcome | undefined;
  const totals = createTotals();
  for (let i = 0; i < options.seeds && broken === undefined && isTime(); i++) {
    const outcome = await runPlan(readPlan(options, options.seed + i, mutation?.given), { onLine });
    totals.add(outcome);
    if (options.json)
      print(
        JSON.stringify({
          ...outcome,
          tail: undefined,
          marks: undefined,
          plan: { ...outcome.plan, requests: undefined },
        }),
      );
    else print(summarizeOutcome(outcome));
    if (outcome.violations.length > 0) broken = outcome;
  }
  if (options.seeds > 1 && !options.json) print(totals.describe());
  if (broken === undefined) return 0;
  if (options.shrink) {
    const { invariant } = broken.violations[0] as RunOutcome['violations'][number];
    const fails = async (plan: Plan): Promise<boolean> =>
      (await runPlan(plan)).violations.some((one) => one.invariant === invariant);
    const smaller = await shrinkPlan(broken.plan, { fails, budget: SHRINK_RUNS });
    broken = await runPlan(smaller);
  }
  if (options.json) print(JSON.stringify({ shrunk: broken.plan, violations: broken.violations }));
  else print(describeFailure(broken));
  return 1;
}

function readPlan({ plan, given }: SimulateOptions, seed: number, fixed: object | undefined): Plan {
  if (given === undefined) return drawPlan({ ...plan, ...fixed, seed });
  const text = existsSync(given) ? readFileSync(given, 'utf8') : given;
  return JSON.parse(text) as Plan;
}

async function run(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  if (options === undefined) {
    print(describeFlags());
    return 0;
  }
  if (options.mutation === 'list') {
    for (const { name, meaning } of MUTATIONS) print(`${name.padEnd(28)} ${meaning}`);
    return 0;
  }
  if (options.plan.lie === 'list') {
    for (const [role, names] of Object.entries(LIES)) {
      print(`${role.padEnd(10)} ${[...names, ...OTHER_LIES[role as keyof typeof OTHER_LIES]].join(', ')}`);
    }
    print(`league     ${Object.values(LEAGUE).join(', ')}`);
    return 0;
  }
  if (options.scaleSize !== undefined) {
    const { measureSize } = await import('./scale/measure-size.ts');
    print(
      JSON.stringify(await measureSize(parseSize(options.scaleSize), { ...options, epochMs: options.plan.epochMs })),
    );
    return 0;
  }
  if (options.isScale) {
    const { runScale, SIZES } = await import('./scale/scale.ts');
    return runScale({ ...options, sizes: options.scale ?? SIZES }, print);
  }
  if (options.hunt) return (await import('./hunt.ts')).hunt(options, print);
  return simulate(options);
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof FlagError)) throw error;
  process.stderr.write(`simulate: ${error.message}\n${describeFlags()}`);
  process.exitCode = 2;
}

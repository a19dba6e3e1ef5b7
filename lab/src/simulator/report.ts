import { describeFault, type Plan } from './plan.ts';
import type { RunOutcome } from './run.ts';

export function summarizeOutcome({
  plan,
  violations,
  hash,
  steps,
  virtualMs,
  epochs,
  eras,
  answers,
  settled,
  shared,
  forged,
  rejected,
  ejected,
  calls,
  cpuMs,
}: RunOutcome): string {
  const [broken] = violations;
  const verdict =
    broken === undefined
      ? 'holds'
      : `BROKEN ${broken.invariant} at ${(broken.atMs / 1_000).toFixed(1)} s: ${broken.detail}`;
  const size = `${plan.validators} validators, ${plan.faults.length} faults, ${plan.liars.map(({ machine, how }) => `${machine.split('-')[0]}:${how}`).join('+') || 'no'} liars`;
  const work = `${(virtualMs / 1_000).toFixed(0)} s in ${(cpuMs / 1_000).toFixed(1)} s, ${epochs} epochs${plan.isThreshold ? ` (threshold beacon, ${eras} eras)` : ''}, ${answers.ok} of ${answers.ok + answers.failed} answers, ${settled} settled${shared > 0 ? ` (${shared} of cohorts)` : ''}${describeCounts('forged', forged)}${describeCounts('rejected', rejected)}${describeCounts('ejected', ejected)}, ${steps} steps, ${calls} calls`;
  return `seed ${plan.seed}: ${verdict} (${size}; ${work}; ${hash.slice(0, 12)})`;
}

type Counts = Readonly<Record<string, number>>;

const listCounts = (counts: Counts): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, n]) => `${n} ${name}`)
    .join(', ');

const describeCounts = (what: string, counts: Counts): string =>
  Object.keys(counts).length === 0 ? '' : ` (${what}: ${listCounts(counts)})`;

/** Adds up the replies of several runs, with their rejects and ejections by lie. */
export function createTotals() {
  let [runs, settled, shared] = [0, 0, 0];
  const [rejected, ejected]: [Record<string, number>, Record<string, number>] = [{}, {}];
  const addAll = (sum: Record<string, number>, counts: Counts): void => {
    for (const [name, n] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + n;
  };
  return {
    add(outcome: Pick<RunOutcome, 'settled' | 'shared' | 'rejected' | 'ejected'>): void {
      runs++;
      settled += outcome.settled;
      shared += outcome.shared;
      addAll(rejected, outcome.rejected);
      addAll(ejected, outcome.ejected);
    },
    describe: (): string =>
      `${runs} runs: ${settled} replies settled, ${shared} of cohorts; rejected: ${listCounts(rejected) || 'none'}; ejected: ${listCounts(ejected) || 'none'}; ${ejected.honest ?? 0} honest providers ejected`,
  };
}

const SHOWN_LINES = 60;

/** Describes a failing run: its plan, its last events and the command to repeat it. */
export function describeFailure({ plan, violations, tail }: RunOutcome): string {
  const faults = plan.faults.map((fault) => `  ${describeFault(fault)}`);
  const liars = plan.liars.map(({ machine, how }) => `  ${machine} ${how}`);
  return [
    `Broken: ${violations.map(({ invariant, detail }) => `${invariant}: ${detail}`).join('\n  ')}`,
    `Faults that it takes (${faults.length}):`,
    ...faults,
    `Liars (${liars.length}):`,
    ...liars,
    `Requests: ${plan.requests.length}`,
    'The last that happened:',
    ...tail.slice(-SHOWN_LINES).map((line) => `  ${line}`),
    'Again, with everything that happens:',
    `  npm run simulate -- --trace --plan '${JSON.stringify(plan satisfies Plan)}'`,
  ].join('\n');
}

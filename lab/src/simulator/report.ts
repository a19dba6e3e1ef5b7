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
  calls,
  cpuMs,
}: RunOutcome): string {
  const [broken] = violations;
  const verdict =
    broken === undefined
      ? 'holds'
      : `BROKEN ${broken.invariant} at ${(broken.atMs / 1_000).toFixed(1)} s: ${broken.detail}`;
  const size = `${plan.validators} validators, ${plan.faults.length} faults, ${plan.liars.map(({ machine, how }) => `${machine.split('-')[0]}:${how}`).join('+') || 'no'} liars`;
  const work = `${(virtualMs / 1_000).toFixed(0)} s in ${(cpuMs / 1_000).toFixed(1)} s, ${epochs} epochs${plan.isThreshold ? ` (threshold beacon, ${eras} eras)` : ''}, ${answers.ok} of ${answers.ok + answers.failed} answers, ${settled} settled${shared > 0 ? ` (${shared} of cohorts)` : ''}${describeForged(forged)}, ${steps} steps, ${calls} calls`;
  return `seed ${plan.seed}: ${verdict} (${size}; ${work}; ${hash.slice(0, 12)})`;
}

const describeForged = (forged: RunOutcome['forged']): string =>
  Object.keys(forged).length === 0
    ? ''
    : ` (forged: ${Object.entries(forged)
        .map(([verdict, n]) => `${n} ${verdict}`)
        .join(', ')})`;

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

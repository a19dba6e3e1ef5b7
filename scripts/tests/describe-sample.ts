import { formatMinutes } from './progress.ts';
import type { Sample } from './sample.ts';

interface DescribedUnit {
  readonly name: string;
  readonly seconds: number;
}

interface SampleSource {
  /** The change begins at this commit. Undefined where that cannot be told. */
  readonly base: string | undefined;
  readonly commit: string;
  /** Units that were chosen from. */
  readonly total: number;
}

/** Returns the plan of a sample with its counts, and the names of the units that were left out. */
export function describeSample(
  { touched, leftOut, drawn, undrawn }: Sample<DescribedUnit>,
  { base, commit, total }: SampleSource,
): string {
  const all = touched.length + leftOut.length;
  const cause =
    base === undefined
      ? 'the start of the change cannot be told, so it may touch all'
      : `the change since ${base.slice(0, 12)} touches ${all} of ${total}`;
  const lines = [
    `sample of commit ${commit.slice(0, 12)}: ${cause}`,
    `  touched  ${touched.length} of ${all} test files and parts run, ${timeOf(touched)}`,
    `  drawn    ${drawn.length} of ${total - all} others run, ${timeOf(drawn)}`,
  ];
  if (leftOut.length > 0)
    lines.push(`touched but left out, for want of time (npm test -- all runs them):`, ...list(leftOut));
  if (undrawn.length > 0) lines.push('drawn but left out, for want of time:', ...list(undrawn));
  return lines.join('\n');
}

const timeOf = (units: readonly DescribedUnit[]): string =>
  formatMinutes(units.reduce((sum, { seconds }) => sum + seconds, 0));

const list = (units: readonly DescribedUnit[]): readonly string[] => units.map(({ name }) => `  ${name}`).sort();

import { formatMinutes } from './progress.ts';
import { type Sample, sumSeconds } from './sample.ts';

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
  { touched, touchedLeftOut, drawn, drawnLeftOut }: Sample<DescribedUnit>,
  { base, commit, total }: SampleSource,
): string {
  const all = touched.length + touchedLeftOut.length;
  const cause =
    base === undefined
      ? 'the start of the change cannot be told, so it may touch all'
      : `the change since ${base.slice(0, 12)} touches ${all} of ${total}`;
  const lines = [
    `sample of commit ${commit.slice(0, 12)}: ${cause}`,
    `  touched  ${touched.length} of ${all} test files and parts run, ${timeOf(touched)}`,
    `  drawn    ${drawn.length} of ${total - all} others run, ${timeOf(drawn)}`,
  ];
  if (touchedLeftOut.length > 0)
    lines.push(`touched but left out, for want of time (npm test -- all runs them):`, ...list(touchedLeftOut));
  if (drawnLeftOut.length > 0) lines.push('drawn but left out, for want of time:', ...list(drawnLeftOut));
  return lines.join('\n');
}

const timeOf = (units: readonly DescribedUnit[]): string =>
  units.length === 0 ? 'no time' : formatMinutes(sumSeconds(units));

const list = (units: readonly DescribedUnit[]): readonly string[] => units.map(({ name }) => `  ${name}`).sort();

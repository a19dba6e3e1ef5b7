import { readCoinTest } from '@ogong/protocol/statistics/coin-test';
import type { EndpointComparison } from './compare.ts';
import { type ComparisonVerdict, computeThreshold } from './decide.ts';

/** Output of `ogong compare --json`. */
export interface ComparisonReport {
  readonly verdict: ComparisonVerdict['kind'];
  /** The reference that it serves, or serves for some replies, if one is certain. */
  readonly serves: string | undefined;
  readonly endpoint: string;
  readonly replies: number;
  readonly seed: string;
  readonly level: number;
  readonly tolerance: number;
  /** `same` says that fewer of the replies are off the first reference. */
  readonly share: number;
  /** e-values: that too many replies are off the first reference, and that fewer than the share are. */
  readonly off: number;
  readonly clean: number;
  /** The least e-value for a decision. */
  readonly threshold: number;
  readonly references: readonly {
    readonly name: string;
    /** Nats for each listed token, median of all replies. */
    readonly distance: number;
    /** e-values: that the endpoint is nearer than the yardstick, farther, and nearer than to each other reference. */
    readonly near: number;
    readonly far: number;
    readonly nearerThan: Readonly<Record<string, number>>;
  }[];
}

export interface ReportTerms {
  readonly endpoint: string;
  readonly names: readonly string[];
  readonly level: number;
  readonly tolerance: number;
  readonly share: number;
  readonly seed: string;
}

export function reportComparison(
  { verdict, state, distances }: EndpointComparison,
  terms: ReportTerms,
): ComparisonReport {
  const { names, level } = terms;
  const { nearer, near, far, off, clean } = state.evidence;
  const read = (tests: (typeof nearer)[number], i: number): number => readCoinTest(tests[i] as (typeof tests)[number]);
  const served =
    verdict.kind === 'same' || verdict.kind === 'mixed' ? 0 : verdict.kind === 'other' ? verdict.index : undefined;
  return {
    ...terms,
    verdict: verdict.kind,
    serves: served === undefined ? undefined : names[served],
    replies: state.replies,
    off: readCoinTest(off),
    clean: readCoinTest(clean),
    threshold: computeThreshold(names.length, level),
    references: names.map((name, i) => ({
      name,
      distance: computeMedian(distances.map(({ toReference }) => toReference[i] as number)),
      near: read(near, i),
      far: read(far, i),
      nearerThan: Object.fromEntries(
        names.flatMap((other, j) => (j === i ? [] : [[other, read(nearer[i] as typeof near, j)]])),
      ),
    })),
  };
}

function computeMedian(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return sorted.length === 0 ? Number.NaN : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

const SENTENCES: Readonly<Record<ComparisonVerdict['kind'], (served: string | undefined, claimed: string) => string>> =
  {
    same: (served) => `It serves ${served}.`,
    mixed: (served) => `It serves ${served} for some replies, and something else for others.`,
    other: (served, claimed) => `It does not serve ${claimed}. It serves ${served}.`,
    unknown: (_, claimed) => `It does not serve ${claimed}, and which of the others is not certain, or none of them.`,
    undecided: () =>
      'That is not certain within the budget: ask for more replies (--budget), or name other references.',
  };

export function formatComparison(report: ComparisonReport): string {
  const { references, replies, endpoint, level, seed, off, clean, share } = report;
  const claimed = references[0]?.name ?? '';
  const width = Math.max(...references.map(({ name }) => name.length));
  const rows = references.map(
    ({ name, distance, near, far }) =>
      `  ${name.padEnd(width)}  ${distance.toFixed(4)} nats apart; evidence for ${formatEvidence(near)}, against ${formatEvidence(far)}`,
  );
  return [
    `${endpoint}: ${replies} replies, level ${level}, seed ${seed}`,
    ...rows,
    `  replies off ${claimed}: evidence for too many ${formatEvidence(off)}, for fewer than ${share} of them ${formatEvidence(clean)}`,
    SENTENCES[report.verdict](report.serves, claimed),
    '',
  ].join('\n');
}

/** e-values as powers of ten, from which on they say something. */
const formatEvidence = (eValue: number): string => (eValue < 1 ? 'none' : `10^${Math.log10(eValue).toFixed(1)}`);

export function formatProgress(
  { state, distances }: EndpointComparison,
  { names, budget }: { readonly names: readonly string[]; readonly budget: number },
): string {
  const each = distances.at(-1)?.toReference ?? [];
  return `reply ${state.replies} of at most ${budget}: ${names.map((name, i) => `${name} ${each[i]?.toFixed(4)}`).join(', ')}\n`;
}

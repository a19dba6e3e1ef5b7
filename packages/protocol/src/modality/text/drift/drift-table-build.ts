import { computeExp } from '../../../base/elementary.ts';
import { computeBetaCdf } from '../../../statistics/beta.ts';
import { computeRankPValue, MIN_HELD_OUT_REPLIES } from '../../../statistics/rank-calibration.ts';
import {
  findLengthBand,
  getSurprise,
  REPLY_SCORES,
  type ReplyEvidence,
  type ReplyScore,
} from '../stage2/reply-scores.ts';
import {
  compareRowKeys,
  type DriftRow,
  type DriftRowKey,
  type DriftTable,
  isMeasured,
  nameRow,
  POWER_RATES,
  type Power,
  QUANTILES,
  type ScoreQuantiles,
  UNLIMITED,
} from './drift-table.ts';
import { roundLevels, roundLikelihood, roundQuantiles } from './drift-table-round.ts';
import { evaluateLikelihood } from './likelihood.ts';
import { fitLevels, fitLikelihood, MIN_ALTERNATIVE_REPLIES, MIN_FIT_REPLIES } from './likelihood-fit.ts';
import { judgeByLimits, type LimitScores } from './limits.ts';
import { buildStrata, chooseStratumLimits, findStratum } from './strata.ts';

/** One measured reply. The seed decides whether it is used for the fit or held out. */
export interface DriftSample {
  readonly seed: number;
  readonly evidence: ReplyEvidence;
}

/** The measurements between two classes on one model, over all lengths. */
export interface DriftMeasurement extends Omit<DriftRowKey, 'band'> {
  readonly codeVersion: string;
  readonly honest: readonly DriftSample[];
  readonly alternatives: readonly { readonly name: string; readonly replies: readonly DriftSample[] }[];
}

export interface DriftTableOptions {
  readonly version: number;
  readonly previous: Uint8Array;
  readonly families?: DriftTable['families'];
  readonly measurements: readonly DriftMeasurement[];
  /** Treatment of a length band with too few replies. Default: refuse the whole table. */
  readonly thin?: 'refuse' | 'leave-out';
}

export interface BuiltDriftTable {
  readonly table: DriftTable;
  /** Bands that were left out, with the reason. */
  readonly leftOut: readonly string[];
}

const FIT_SHARE = { of: 5, fitted: 2 };
/** The fewest honest replies of a row. */
export const MIN_ROW_REPLIES: number = countLeastReplies();

function countLeastReplies(): number {
  let replies = MIN_FIT_REPLIES + MIN_HELD_OUT_REPLIES;
  const fitted = (): number => Math.floor((replies * FIT_SHARE.fitted) / FIT_SHARE.of);
  while (describeLack(fitted(), replies - fitted()) !== undefined) replies++;
  return replies;
}

/**
 * The most replies of a fit. More would hardly change a parameter. Held out, they measure how rare the rarest statistics are.
 */
const MAX_FIT_REPLIES = 2000;

/**
 * Builds rows for every measured pair of classes and length band. Two replies in five, by seed and at most MAX_FIT_REPLIES of
 * them, are used for the fit. P-values rest on the others, which influence no parameter.
 * @throws RangeError if a band has too few replies, naming each band and the missing number, or if one measures nothing.
 */
export function buildDriftTable(options: DriftTableOptions): BuiltDriftTable {
  const { version, previous, families = [], measurements, thin = 'refuse' } = options;
  const rows: DriftRow[] = [];
  const lacking: string[] = [];
  for (const measurement of measurements) {
    const bands = groupByBand(measurement.honest);
    if (bands.size === 0) lacking.push(`${nameRow({ ...measurement, band: 0 })}: no honest reply at all`);
    for (const [band, honest] of bands) {
      const key = { ...measurement, band };
      const { fitted, heldOut } = splitSamples(honest);
      const problem = describeLack(fitted.length, heldOut.length);
      if (problem === undefined) rows.push(buildRow(key, { fitted, heldOut, measurement, lacking }));
      else lacking.push(`${nameRow(key)}: ${problem}`);
    }
  }
  if (lacking.length > 0 && thin === 'refuse') throw new RangeError(`too little was measured:\n${lacking.join('\n')}`);
  rows.sort(compareRowKeys);
  return { table: { version, previous, families, rows }, leftOut: lacking };
}

function describeLack(fitted: number, heldOut: number): string | undefined {
  const missing = Math.max(
    Math.ceil(((MIN_FIT_REPLIES - fitted) * FIT_SHARE.of) / FIT_SHARE.fitted),
    Math.ceil(((MIN_HELD_OUT_REPLIES - heldOut) * FIT_SHARE.of) / (FIT_SHARE.of - FIT_SHARE.fitted)),
  );
  if (missing <= 0) return undefined;
  return `${fitted} honest replies to fit to and ${heldOut} held out, about ${missing} more are needed`;
}

export function groupByBand(samples: readonly DriftSample[]): Map<number, DriftSample[]> {
  const bands = new Map<number, DriftSample[]>();
  for (const sample of samples) {
    const band = findLengthBand(sample.evidence.positions);
    const list = bands.get(band);
    if (list) list.push(sample);
    else bands.set(band, [sample]);
  }
  return bands;
}

/**
 * Splits samples. Fitted seeds lie evenly among the others, so both parts are alike even if ranges of seeds differ in kind. The
 * split depends only on the seed. So any order of samples gives the same split, and replies to one prompt under one key stay on
 * one side.
 */
export function splitSamples(samples: readonly DriftSample[]): { fitted: DriftSample[]; heldOut: DriftSample[] } {
  const seeds = [...new Set(samples.map(({ seed }) => seed))].sort((a, b) => a - b);
  const fit = Math.min(
    Math.floor((seeds.length * FIT_SHARE.fitted) / FIT_SHARE.of),
    Math.floor((seeds.length * MAX_FIT_REPLIES) / Math.max(1, samples.length)),
  );
  const reached = (rank: number): number => Math.floor((rank * fit) / seeds.length);
  const chosen = new Set(seeds.filter((_, rank) => reached(rank + 1) > reached(rank)));
  const sorted = [...samples].sort((a, b) => a.seed - b.seed);
  return {
    fitted: sorted.filter(({ seed }) => chosen.has(seed)),
    heldOut: sorted.filter(({ seed }) => !chosen.has(seed)),
  };
}

function buildRow(
  { modelRoot, providerClass, verifierClass, band }: DriftRowKey,
  given: {
    readonly fitted: readonly DriftSample[];
    readonly heldOut: readonly DriftSample[];
    readonly measurement: DriftMeasurement;
    readonly lacking: string[];
  },
): DriftRow {
  const { fitted, heldOut, measurement, lacking } = given;
  const named: { name: string; fitted: ReplyEvidence[]; heldOut: ReplyEvidence[] }[] = [];
  for (const { name, replies } of measurement.alternatives) {
    const parts = splitSamples(groupByBand(replies).get(band) ?? []);
    if (parts.fitted.length >= MIN_ALTERNATIVE_REPLIES) {
      named.push({ name, fitted: evidenceOf(parts.fitted), heldOut: evidenceOf(parts.heldOut) });
    } else {
      const missing = Math.ceil(((MIN_ALTERNATIVE_REPLIES - parts.fitted.length) * FIT_SHARE.of) / FIT_SHARE.fitted);
      lacking.push(
        `${nameRow({ modelRoot, providerClass, verifierClass, band })}: ${name} lacks about ${missing} replies`,
      );
    }
  }
  const hypotheses = roundLikelihood(
    fitLikelihood(
      evidenceOf(fitted),
      named.map(({ name, fitted: replies }) => ({ name, replies })),
    ),
  );
  const likelihood = { ...hypotheses, levels: roundLevels(fitLevels(hypotheses, evidenceOf(fitted))) };
  const held = evidenceOf(heldOut);
  const limits = chooseStratumLimits(evidenceOf(fitted).map(getSurprise), held.map(getSurprise));
  const strata = buildStrata(
    limits,
    held.map((evidence) => ({
      surprise: getSurprise(evidence),
      statistic: evaluateLikelihood(likelihood, evidence).statistic,
    })),
  );
  const all = [...fitted, ...heldOut];
  const context = all.reduce((most, { evidence }) => Math.max(most, evidence.context), 0);
  const seeds = Float64Array.from(all, ({ seed }) => seed).sort();
  return {
    modelRoot,
    providerClass,
    verifierClass,
    band,
    codeVersion: measurement.codeVersion,
    seeds: { first: seeds[0] as number, last: seeds.at(-1) as number },
    fitReplies: fitted.length,
    tokens: all.reduce((sum, { evidence }) => sum + evidence.positions, 0),
    context,
    scores: REPLY_SCORES.map((_, i) => roundQuantiles(measureQuantiles(held.map(({ scores }) => scores[i] as number)))),
    inflation: computeInflation(held),
    likelihood,
    strata,
    power: named.map(({ name, heldOut: replies }) => measurePower(name, replies, { likelihood, strata, context })),
  };
}

const evidenceOf = (samples: readonly DriftSample[]): ReplyEvidence[] => samples.map(({ evidence }) => evidence);

function measurePower(
  name: string,
  replies: readonly ReplyEvidence[],
  row: Pick<DriftRow, 'likelihood' | 'strata' | 'context'>,
): Power {
  const { likelihood, strata } = row;
  const pValues = replies.map((evidence) => {
    if (!isMeasured(row, evidence)) return isPastLimits(evidence) ? 0 : 1;
    const { calibration } = findStratum(strata, getSurprise(evidence));
    return computeRankPValue(calibration, evaluateLikelihood(likelihood, evidence).statistic);
  });
  return {
    name,
    replies: replies.length,
    caught: POWER_RATES.map((rate) => pValues.filter((pValue) => pValue <= rate).length),
  };
}

const indexOf = (score: ReplyScore): number => REPLY_SCORES.indexOf(score);
const SKETCH_WORST = indexOf('sketch-worst');
const KOLMOGOROV_WORST = indexOf('kolmogorov-worst');
const OMISSION = indexOf('omission');
const TAIL_WORST = indexOf('tail-worst');

/**
 * Returns whether the fixed limits reject a reply, by the stored scores. They decide on replies beyond all measurements of a
 * row.
 */
function isPastLimits({ scores }: ReplyEvidence): boolean {
  const distance = (index: number): number => computeExp(scores[index] as number);
  const known: LimitScores = {
    sketchDistance: distance(SKETCH_WORST),
    kolmogorov: distance(KOLMOGOROV_WORST),
    omission: distance(OMISSION),
    tailShift: distance(TAIL_WORST),
    drawGap: undefined,
    tailPlace: undefined,
  };
  return judgeByLimits(known).outcome === 'reject';
}

/**
 * Measures sample quantiles (the smallest value that a share q does not exceed) with distribution-free 95 % limits. The k-th of
 * n values lies at or below the quantile with probability P(Binomial(n, q) >= k).
 */
export function measureQuantiles(values: readonly number[]): ScoreQuantiles {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  // P(Binomial(n, q) >= k) = I_q(k, n - k + 1).
  const reach = (q: number, k: number): number => (k === 0 ? 1 : computeBetaCdf(q, k, n - k + 1));
  const at = (k: number): number => (k < 1 ? -UNLIMITED : k > n ? UNLIMITED : (sorted[k - 1] as number));
  const limit = (q: number, wanted: number): number => {
    let [low, high] = [0, n + 1];
    // The largest k that is reached with at least the wanted probability.
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (reach(q, middle) >= wanted) low = middle;
      else high = middle;
    }
    return low;
  };
  return {
    value: QUANTILES.map((q) => at(Math.min(n, Math.max(1, Math.ceil(n * q))))),
    low: QUANTILES.map((q) => at(limit(q, 0.975))),
    high: QUANTILES.map((q) => at(limit(q, 0.025) + 1)),
  };
}

/**
 * Computes the inflation over replies of at least two windows: variance of means over windows, times windows, over the variance
 * of a window.
 */
export function computeInflation(replies: readonly ReplyEvidence[]): number {
  const several = replies.map(({ windows }) => [...windows]).filter((windows) => windows.length >= 2);
  if (several.length < 2) return 1;
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = (values: readonly number[]): number => {
    const centre = mean(values);
    return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
  };
  const single = variance(several.flat());
  const windows = several.flat().length / several.length;
  return single > 0 ? (variance(several.map(mean)) * windows) / single : 1;
}

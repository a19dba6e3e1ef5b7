import { calibrateRank } from '../../../statistics/e-value.ts';
import { computeRank } from '../../../statistics/rank-calibration.ts';
import { computeTailSurvivalLimit } from '../../../statistics/tail-fit.ts';
import { getSurprise, type ReplyEvidence } from '../stage2/reply-scores.ts';
import { type DriftLookup, type DriftRow, isMeasured, nameRow } from './drift-table.ts';
import { evaluateLikelihood, type LikelihoodResult } from './likelihood.ts';
import { findStratum } from './strata.ts';

/** The error rates that an operator accepts, per honest reply. */
export interface DecisionRates {
  /** Reject if the p-value is at most this. */
  readonly reject: number;
  /** Inconclusive if it is at most this; at least `reject`. */
  readonly doubt: number;
  /** Whether the fitted tail may be used beyond the largest held-out value. */
  readonly extrapolate: boolean;
}

export const DEFAULT_RATES: DecisionRates = { reject: 0.001, doubt: 0.01, extrapolate: false };

export interface DriftVerdict {
  readonly outcome: 'accept' | 'reject' | 'inconclusive';
  /** Probability that an honest reply looks like this or worse. */
  readonly pValue: number;
  /**
   * E-value for the payee's sequential test (payee-test.ts). It comes from the rank, never from an extrapolation; 1 if
   * isUnlisted.
   */
  readonly eValue: number;
  /** Whether rows of other classes decided. Their ranks are no evidence against the declared class. */
  readonly isUnlisted: boolean;
  /** Set if no held-out reply lies as far, and they are too few for a p-value that would reject. */
  readonly isBeyondAll: boolean;
  /** Source of the p-value. */
  readonly source: 'rank' | 'extrapolated';
  /**
   * The likeliest alternative and its share of all alternatives; undefined if the reply was accepted. Alternatives that were
   * fitted to samples come first. A derived alternative says how far off a reply is, not what the provider did.
   */
  readonly cheat: { readonly name: string; readonly posterior: number } | undefined;
  /** Name of the row that decided, see nameRow. */
  readonly row: string;
}

/** Returns whether an operator may use these rates: 0 < reject <= doubt < 1. */
export function areRates({ reject, doubt }: Pick<DecisionRates, 'reject' | 'doubt'>): boolean {
  return reject > 0 && reject <= doubt && doubt < 1;
}

/** z of the limit: 99 % asymptotically, and above 93 % for the smallest allowed samples with heavy tails (tail-fit.test.ts). */
const TAIL_Z = 2.326;

/**
 * Judges one reply by one row.
 * @throws RangeError unless 0 < reject <= doubt < 1.
 */
export function judgeByRow(row: DriftRow, evidence: ReplyEvidence, rates: DecisionRates): DriftVerdict {
  const { reject, doubt, extrapolate } = rates;
  if (!areRates(rates)) throw new RangeError(`no rates: reject ${reject}, doubt ${doubt}`);
  const { statistic, posteriors } = evaluateLikelihood(row.likelihood, evidence);
  const { calibration, tail } = findStratum(row.strata, getSurprise(evidence));
  const { replies } = calibration;
  const rank = computeRank(calibration, statistic);
  let pValue = rank / (replies + 1);
  let source: DriftVerdict['source'] = 'rank';
  const isBeyond = statistic > (calibration.steps[0] as { value: number }).value;
  if (extrapolate && isBeyond && tail !== undefined) {
    const limit = computeTailSurvivalLimit(tail, statistic, TAIL_Z);
    if (limit < pValue) [pValue, source] = [limit, 'extrapolated'];
  }
  const outcome = pValue <= reject ? 'reject' : pValue <= doubt ? 'inconclusive' : 'accept';
  const isBeyondAll = rank === 1 && source === 'rank' && pValue > reject;
  const cheat = outcome === 'accept' ? undefined : findLikeliest(row, posteriors);
  const eValue = calibrateRank(rank, replies);
  return { outcome, pValue, isBeyondAll, eValue, isUnlisted: false, source, cheat, row: nameRow(row) };
}

function findLikeliest({ likelihood }: DriftRow, posteriors: LikelihoodResult['posteriors']) {
  const sampled = new Set(likelihood.alternatives.filter(({ samples }) => samples > 0).map(({ name }) => name));
  return posteriors.find(({ name }) => sampled.has(name)) ?? posteriors[0];
}

/**
 * Judges one reply by the table's rows for its classes. For an unlisted class the most tolerant row decides, and the reply is
 * never accepted. A provider must not do better with an unknown class than with the loosest known one. It must also not earn
 * reputation with an unmeasured class. Its replies are inconclusive and earn no credit, so they are unpaid. Such a finding does not count towards
 * ejection, since honest new hardware may drift a little more than measured.
 * @returns undefined if the table does not cover the model, the verifier's class, or such replies.
 */
export function judgeByDrift(
  lookup: DriftLookup,
  evidence: ReplyEvidence,
  rates: DecisionRates,
): DriftVerdict | undefined {
  if (lookup.kind === 'none') return undefined;
  if (lookup.kind !== 'unlisted') {
    return isMeasured(lookup.row, evidence) ? judgeByRow(lookup.row, evidence, rates) : undefined;
  }
  const rows = lookup.rows.filter((row) => isMeasured(row, evidence));
  if (rows.length === 0) return undefined;
  const verdicts = rows.map((row) => judgeByRow(row, evidence, rates));
  const mildest = verdicts.reduce((best, verdict) => (verdict.pValue > best.pValue ? verdict : best));
  const outcome = mildest.outcome === 'accept' ? 'inconclusive' : mildest.outcome;
  return { ...mildest, outcome, eValue: 1, isUnlisted: true, row: `unlisted class, at best ${mildest.row}` };
}

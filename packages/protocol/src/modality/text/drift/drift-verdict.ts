import { calibrateRank } from '../../../statistics/e-value.ts';
import { computeRank } from '../../../statistics/rank-calibration.ts';
import { computeTailSurvivalLimit } from '../../../statistics/tail-fit.ts';
import { getSurprise, type ReplyEvidence } from '../stage2/reply-scores.ts';
import { type DriftLookup, type DriftRow, isMeasured, nameRow } from './drift-table.ts';
import { evaluateLikelihood, type LikelihoodResult } from './likelihood.ts';
import { findStratum } from './strata.ts';

/** The error rates that an operator accepts, per honest reply. */
export interface DecisionRates {
  /** Reject where the p-value is at most this. */
  readonly reject: number;
  /** Inconclusive where it is at most this; at least `reject`. */
  readonly doubt: number;
  /** Whether, beyond the largest held-out value, the fitted tail may stand for what was never observed. */
  readonly extrapolate: boolean;
}

export const DEFAULT_RATES: DecisionRates = { reject: 0.001, doubt: 0.01, extrapolate: false };

export interface DriftVerdict {
  readonly outcome: 'accept' | 'reject' | 'inconclusive';
  /** Chance that an honest reply looks like this or worse. */
  readonly pValue: number;
  /** For the payee's sequential test (payee-test.ts): from the rank, never from an extrapolation; 1 where isUnlisted. */
  readonly eValue: number;
  /** Whether rows of other classes judged the reply. Their ranks are no evidence against the declared class. */
  readonly isUnlisted: boolean;
  /** Whether no held-out reply lies as far, and they are too few for a p-value that would reject. */
  readonly isBeyondAll: boolean;
  /** How the p-value was found. */
  readonly source: 'rank' | 'extrapolated';
  /**
   * The likeliest alternative and its share of them all; undefined where the reply was accepted. It is one that was fitted to
   * samples, if there is any: a derived alternative says how far off a reply is, not what the provider did.
   */
  readonly cheat: { readonly name: string; readonly posterior: number } | undefined;
  /** Name of the row that decided, see nameRow. */
  readonly row: string;
}

/** Whether an operator may decide by them: 0 < reject <= doubt < 1. */
export function areRates({ reject, doubt }: Pick<DecisionRates, 'reject' | 'doubt'>): boolean {
  return reject > 0 && reject <= doubt && doubt < 1;
}

/** 99 % in the limit; for samples as small as are allowed and heavy tails still above 93 % (tail-fit.test.ts). */
const TAIL_Z = 2.326;

/**
 * One reply against one row.
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
 * One reply against what the table holds for its classes. A class that the table does not list is judged by the row that
 * tolerates this reply most, and is never accepted: a provider must not do better with an unknown class than with the loosest
 * known one, and must not earn reputation with a class that nobody measured. Its replies are inconclusive, so they are paid.
 * Such a finding does not count towards ejection, since honest new hardware may drift a little more than anything measured.
 * @returns undefined where the table says nothing about the model, the verifier's class, or replies like this.
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

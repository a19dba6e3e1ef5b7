/**
 * The parameters of the per-provider sequential test. It ejects a provider whose audited replies are rejected too often. It
 * ejects an honest one with probability at most beta over its WHOLE life (whitepaper section 4.3, Proposition 3).
 *
 * The whitepaper accumulates one likelihood ratio from the first audit on, never reset. That bounds false ejection, but honest
 * work then buys credit without limit. Example: after 1,000 accepts at s = 0.9, eps = 0.02 a provider could fail about 600
 * audits in a row. A floor under the walk would remove the credit and the bound with it. This test keeps the bound and limits
 * the credit. The alternative is "cheats from audit k on" with k unknown and prior weight w_k = 1 / (k (k + 1)), so
 *
 *     M_n = sum_{k <= n} w_k * prod_{i = k..n} LR_i + 1 / (n + 1)
 *
 * The last term is the weight of all k still to come. Under honesty (reject probability <= eps) M is a nonnegative
 * supermartingale that starts at 1. So Ville's inequality bounds P(ever M >= 1 / beta) by beta. Since w_1 = 1/2, M is never
 * below half the whitepaper's ratio. A cheater from the start is caught at most log 2 later. A provider that turns after n
 * audits is caught 2 log n later instead of n steps later.
 *
 * One audit decision per reply enters, because windows of one reply share noise and are not independent. State and step use
 * only +, * and / on doubles, so every validator computes the same bits.
 */
export interface SequentialTestParameters {
  /** P(reject | cheating), above the false-positive rate; clamped to 1e-6 .. 1 - 1e-6. */
  readonly soundness: number;
  /** P(reject | honest); clamped to 1e-6 .. 1 - 1e-6. */
  readonly falsePositiveRate: number;
  /** Lifetime probability of ejecting an honest provider, in (0, 1). */
  readonly beta: number;
}

export interface SequentialTestState {
  /** Number of audits that counted. */
  readonly audits: number;
  readonly rejects: number;
  /** The sum over k <= audits in M; 0 at the start. */
  readonly evidence: number;
  /** Latched: later accepts do not undo an ejection. */
  readonly ejected: boolean;
}

export type AuditOutcome = 'accept' | 'reject' | 'inconclusive';

export const INITIAL_SEQUENTIAL_TEST: SequentialTestState = { audits: 0, rejects: 0, evidence: 0, ejected: false };

const RATE_FLOOR = 1e-6;

/**
 * Returns the state after one more audit decision; an inconclusive one changes nothing.
 * @throws RangeError unless falsePositiveRate < soundness (after clamping) and 0 < beta < 1.
 */
export function advanceSequentialTest(
  state: SequentialTestState,
  outcome: AuditOutcome,
  parameters: SequentialTestParameters,
): SequentialTestState {
  const eValue = computeOutcomeEValue(outcome, parameters);
  if (outcome === 'inconclusive') return state;
  const audits = state.audits + 1;
  const evidence = multiplyEvidence(state.evidence, audits, eValue);
  return {
    audits,
    rejects: state.rejects + (outcome === 'reject' ? 1 : 0),
    evidence,
    ejected: state.ejected || evidence + 1 / (audits + 1) >= 1 / parameters.beta,
  };
}

/**
 * Computes the weight of a bare decision: the likelihood ratio of cheating against honesty, 1 without a decision. Its
 * expectation under honesty is at most 1 if an honest reply is rejected with probability at most falsePositiveRate.
 * @throws RangeError as advanceSequentialTest.
 */
export function computeOutcomeEValue(outcome: AuditOutcome, parameters: SequentialTestParameters): number {
  const { soundness, falsePositiveRate } = clampParameters(parameters);
  if (outcome === 'inconclusive') return 1;
  return outcome === 'reject' ? soundness / falsePositiveRate : (1 - soundness) / (1 - falsePositiveRate);
}

/** Computes one step of the sum in M. @param audits the number of this audit, from 1. */
export function multiplyEvidence(evidence: number, audits: number, eValue: number): number {
  return (evidence + 1 / (audits * (audits + 1))) * eValue;
}

/**
 * Ejects on exact evidence (a draw that does not replay, a differing token in one exact class). It needs no second occurrence.
 * @internal the reference that tests compare with
 */
export function ejectOnExactEvidence(state: SequentialTestState): SequentialTestState {
  return { ...state, audits: state.audits + 1, rejects: state.rejects + 1, ejected: true };
}

/**
 * Computes M: the mixture likelihood ratio of cheating against honesty, in (0, infinity).
 * @internal the reference that tests compare with
 */
export function computeLikelihoodRatio(state: SequentialTestState): number {
  return state.evidence + 1 / (state.audits + 1);
}

function clampParameters(parameters: SequentialTestParameters): SequentialTestParameters {
  const { beta } = parameters;
  const clamp = (rate: number): number => Math.min(1 - RATE_FLOOR, Math.max(RATE_FLOOR, rate));
  const soundness = clamp(parameters.soundness);
  const falsePositiveRate = clamp(parameters.falsePositiveRate);
  if (!(falsePositiveRate < soundness) || !(beta > 0 && beta < 1)) {
    throw new RangeError(`no sequential test with s ${soundness}, eps ${falsePositiveRate}, beta ${beta}`);
  }
  return { soundness, falsePositiveRate, beta };
}

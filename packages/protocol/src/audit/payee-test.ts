import { dilute } from '../statistics/e-value.ts';
import { multiplyEvidence } from '../statistics/sprt.ts';

/**
 * The state of the sequential test (sprt.ts) for evidence of any strength, per payee. Keys rotate, so the evidence follows the
 * payee that gets the fees. Each audit brings an e-value (e-value.ts): nonnegative, with expectation at most 1 for an honest
 * reply given everything before. Against a payee that cheats on a share g of its replies the best factor is 1 - g + g e. So M
 * is a mixture over CHEAT_SHARES with equal weights. Then evidence grows for every share above zero; the plain product would
 * shrink between the cheats.
 */
export interface PayeeTestState {
  readonly audits: number;
  readonly rejects: number;
  /** The terms of the sum M, one for each of CHEAT_SHARES. */
  readonly evidence: readonly number[];
  readonly ejected: boolean;
}

export const CHEAT_SHARES: readonly number[] = [1, 0.3, 0.1, 0.03];

export const INITIAL_PAYEE_TEST: PayeeTestState = {
  audits: 0,
  rejects: 0,
  evidence: CHEAT_SHARES.map(() => 0),
  ejected: false,
};

/** A limit far above every threshold. It keeps the state finite, so that it can be stored and multiplied. */
const EVIDENCE_LIMIT = 1e200;

/**
 * Returns the state after one more audit. Exact evidence needs no test: eject on it (ejectOnExactEvidence).
 * @param step.eValue finite, >= 0; 1 is neutral.
 * @param step.isReject is counted and not weighed.
 * @throws RangeError on an invalid e-value, or unless 0 < beta < 1.
 */
export function advancePayeeTest(
  state: PayeeTestState,
  step: { readonly eValue: number; readonly isReject: boolean },
  beta: number,
): PayeeTestState {
  if (!(step.eValue >= 0 && step.eValue < Number.POSITIVE_INFINITY)) throw new RangeError(`no e-value: ${step.eValue}`);
  if (!(beta > 0 && beta < 1)) throw new RangeError(`no lifetime error: ${beta}`);
  const audits = state.audits + 1;
  const evidence = CHEAT_SHARES.map((share, i) =>
    Math.min(multiplyEvidence(state.evidence[i] as number, audits, dilute(step.eValue, share)), EVIDENCE_LIMIT),
  );
  const next = { audits, rejects: state.rejects + (step.isReject ? 1 : 0), evidence, ejected: state.ejected };
  return { ...next, ejected: state.ejected || computePayeeEvidence(next) >= 1 / beta };
}

/** Computes M: an e-value against "this payee has been honest so far". Ville's inequality bounds its maximum. */
export function computePayeeEvidence({ audits, evidence }: PayeeTestState): number {
  return evidence.reduce((sum, value) => sum + value, 0) / CHEAT_SHARES.length + 1 / (audits + 1);
}

import { DEFAULT_RATES, type DriftVerdict } from '@ogong/protocol/modality/text/drift/drift-verdict';
import { calibrateRank } from '@ogong/protocol/statistics/e-value';
import type { WeighedReport } from '@ogong/protocol/verdict/report-check';

/**
 * The kinds of replies that an audit meets:
 * - `honest`: the true model answered.
 * - `foreign`: another text, without any work of the model.
 * - `overbilled`: the header states more tokens than the request has. Verifiers of every class see it.
 * - `near`: a cheaper model in a class without a row in the drift table, too close for a reject.
 * - `odd`: nobody but the forger's own verifiers can run the request.
 */
export type ReplyKind = 'honest' | 'foreign' | 'overbilled' | 'near' | 'odd';

/** Held-out replies of the row by which honest verifiers compare. */
const HELD_OUT = 1_000;
const TRUE_VALUES = new Uint8Array([1]);
const SEEN = new Uint8Array([2]);
const TOKENS = 500;

const SHAPE = { checks: [], comparison: undefined, claimsExact: false, finding: SEEN, tokens: TOKENS } as const;

/** The drift verdict of a reply at this rank among honest ones, by the rates of the network. */
function toDrift(rank: number): DriftVerdict {
  const pValue = rank / (HELD_OUT + 1);
  const { reject, doubt } = DEFAULT_RATES;
  const outcome = pValue <= reject ? 'reject' : pValue <= doubt ? 'inconclusive' : 'accept';
  const eValue = calibrateRank(rank, HELD_OUT);
  const rest = { isUnlisted: false, isBeyondAll: false, source: 'rank', cheat: undefined, row: 'a row' } as const;
  return { outcome, pValue, eValue, ...rest };
}

const byScores = (drift: DriftVerdict): WeighedReport => ({ ...SHAPE, outcome: drift.outcome, drift, exact: false });

const rejectExactly = (isFact: boolean): WeighedReport => ({
  ...{ ...SHAPE, outcome: 'reject', exact: true, fault: { isFact, seen: SEEN } },
});

/** The report of an honest verifier. @param isInClass it runs the exact class of the provider. @returns undefined for no answer. */
export function reportHonestly(kind: ReplyKind, isInClass: boolean, random: () => number): WeighedReport | undefined {
  if (kind === 'odd') return undefined;
  if (kind === 'overbilled') return rejectExactly(true);
  if (kind === 'near') return byScores({ ...toDrift(HELD_OUT), outcome: 'inconclusive', eValue: 1, isUnlisted: true });
  if (kind === 'foreign') return isInClass ? rejectExactly(false) : byScores(toDrift(1));
  if (isInClass) return { ...SHAPE, outcome: 'accept', exact: true, claimsExact: true, finding: TRUE_VALUES };
  return byScores(toDrift(1 + Math.floor(random() * (HELD_OUT + 1))));
}

/** The report of a verifier in league. It accepts everything, and no scores of it count against the forger. */
export const reportAsFriend = (): WeighedReport => ({ ...SHAPE, outcome: 'accept', exact: false });

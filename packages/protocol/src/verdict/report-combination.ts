import { equalBytes } from '../base/bytes.ts';
import { countVotes, type ReportDecision } from '../modality/text/adjudicate.ts';
import type { WeighedReport } from './report-check.ts';

/**
 * Returns whether two honest verifiers would reject with the same bytes. They do in an exact class, or by a value that is the same in every class.
 */
const isReproducible = ({ outcome, claimsExact, fault }: WeighedReport): boolean =>
  outcome === 'reject' && (claimsExact || fault?.isFact === true);

/** Finds the largest group of reproducible rejects that found the same fault, to the bit. */
export function findAgreeingRejects(weighed: readonly WeighedReport[]): readonly number[] {
  const rejects = weighed.flatMap((one, i) => (isReproducible(one) ? [i] : []));
  const seenBy = (i: number): Uint8Array => {
    const { fault, finding } = weighed[i] as WeighedReport;
    return fault?.seen ?? finding;
  };
  let largest: readonly number[] = [];
  for (const first of rejects) {
    const group = rejects.filter((i) => equalBytes(seenBy(first), seenBy(i)));
    if (group.length > largest.length) largest = group;
  }
  return largest;
}

/** Number of equal, reproducible rejects that outweigh an accept while another verifier can be asked. Two may collude. */
const SETTLING_REJECTS = 3;
/** Number of such rejects that charge the provider. They cost it the fee. Only their repetition ejects it (isReproduced). */
const CHARGING_REJECTS = 2;

function findExactRejects(weighed: readonly WeighedReport[]): readonly number[] {
  return findAgreeingRejects(weighed).filter((index) => weighed[index]?.exact);
}

/** Returns whether the provider is charged with a fault that any verifier of that class can repeat. */
function isExactCharge(weighed: readonly WeighedReport[]): boolean {
  return findExactRejects(weighed).length >= CHARGING_REJECTS;
}

/** Returns whether enough verifiers reject, on any grounds, that a further reject would confirm the charge. */
export function isCharge(weighed: readonly WeighedReport[]): boolean {
  if (isExactCharge(weighed)) return true;
  const rejects = weighed.filter(({ outcome }) => outcome === 'reject').length;
  return rejects >= CHARGING_REJECTS && combineReports(weighed, false).decision === 'reject';
}

/** Returns whether any verifier of that class can repeat every reject, so that no measured drift counts against the reply. */
function isClaimedExactly(weighed: readonly WeighedReport[]): boolean {
  return weighed.every((one) => one.outcome !== 'reject' || (one.exact && isReproducible(one)));
}

interface AttemptReport {
  readonly weighed: WeighedReport;
  readonly sitting: number;
}

/** Returns whether one of these rejects came in a later audit attempt than the charge. */
const isRepeated = (sittings: readonly number[]): boolean =>
  sittings.some((sitting) => sittings.filter((before) => before < sitting).length >= CHARGING_REJECTS);

/**
 * Returns whether a verifier of a later audit attempt repeated the charge to the bit. It was drawn from those that were not
 * asked before.
 */
export function isReproduced(reports: readonly AttemptReport[]): boolean {
  return isRepeated(findExactRejects(reports.map(({ weighed }) => weighed)).map((i) => reports[i]?.sitting ?? 0));
}

/**
 * Returns whether a verifier of a later audit attempt rejects as well, by scores. Two colluding verifiers can report anything.
 * They know the draw of their own attempt, but not that of a later one.
 */
function isSeconded(reports: readonly AttemptReport[]): boolean {
  return isRepeated(reports.flatMap(({ weighed, sitting }) => (weighed.outcome === 'reject' ? [sitting] : [])));
}

/** Returns whether no verifier outside the draw has confirmed a reject. Then it costs the fee and does not eject. */
export function isUnconfirmed(reports: readonly AttemptReport[]): boolean {
  const weighed = reports.map((one) => one.weighed);
  if (isExactCharge(weighed) || isClaimedExactly(weighed)) return !isReproduced(reports);
  return !isSeconded(reports);
}

/** The measured e-value above which the validator asks another verifier, for any decision of the report. */
const FAR_OUT = 2;

/** Returns whether the only report does not reject, but measures evidence against the provider. */
export function isFarOut([only, ...others]: readonly WeighedReport[]): boolean {
  return only !== undefined && others.length === 0 && only.outcome !== 'reject' && (only.drift?.eValue ?? 0) > FAR_OUT;
}

/**
 * Combines the reports on a reply that is not rejected into evidence against its provider. One verifier alone counts for
 * nothing. The mean is an e-value (judge.ts), and so is any smaller value.
 * @param eValues of all reports with a measurement that are not refuted.
 */
export function combineEvidence(eValues: readonly number[]): number | undefined {
  if (eValues.length === 0) return undefined;
  const mean = eValues.reduce((sum, value) => sum + value, 0) / eValues.length;
  const second = [...eValues].sort((a, b) => b - a)[1] ?? 0;
  return Math.min(mean, Math.max(1, second));
}

/**
 * Combines several reports into one decision (docs/spec/stage-2.md).
 *
 * In an exact class, honest verifiers agree to the bit. On prompt, vocabulary and text they agree in every class. So agreement
 * counts there:
 * - A colluding verifier may accept the provider's values, and another may invent a reject. If one accept and one reject
 * disagree, a third verifier decides.
 * - Two invented rejects differ and outweigh nothing.
 * - Two equal rejects end an audit attempt. They may come from colluding verifiers, so a later attempt asks further ones
 * (`isReproduced`).
 * - Against one accept a third verifier is asked. If none is left, two equal rejects outweigh the accept.
 *
 * Elsewhere the majority decides (`countVotes`). Exact accepts outweigh as many rejects by scores, and no more: a league can
 * repeat its provider's values, as another can invent scores.
 */
export function combineReports(weighed: readonly WeighedReport[], canAskAnother: boolean): ReportDecision {
  const pick = (test: (one: WeighedReport) => boolean): number[] => weighed.flatMap((one, i) => (test(one) ? [i] : []));
  const accepts = pick(({ outcome, exact }) => exact && outcome === 'accept');
  const rejects = pick(({ outcome }) => outcome === 'reject');
  const agreeing = findAgreeingRejects(weighed);
  if (accepts.length > 0 && rejects.length > 0) {
    const isMatched = accepts.length >= 2 && accepts.length > agreeing.length && accepts.length >= rejects.length;
    if (isMatched) return { decision: 'accept', marked: rejects };
    const isSettled = agreeing.length >= SETTLING_REJECTS || !canAskAnother;
    if (agreeing.length >= 2 && agreeing.length > accepts.length && isSettled) {
      return { decision: 'reject', marked: pick(({ outcome }) => outcome === 'accept') };
    }
    if (canAskAnother) return { decision: 'ask-another', marked: [] };
    const all = pick(({ outcome }) => outcome === 'accept');
    if (rejects.length >= SETTLING_REJECTS && rejects.length > all.length) return { decision: 'reject', marked: [] };
    // A single other report refutes no verifier.
    return { decision: accepts.length >= agreeing.length ? 'accept' : 'inconclusive', marked: [] };
  }
  const exactRejects = pick(isReproducible);
  if (exactRejects.length >= 2 && agreeing.length < 2 && exactRejects.length === rejects.length) {
    // The rejects contradict each other, so at least one is invented.
    return { decision: canAskAnother ? 'ask-another' : 'inconclusive', marked: [] };
  }
  if (canAskAnother && isFarOut(weighed)) return { decision: 'ask-another', marked: [] };
  const combined = countVotes(weighed, canAskAnother);
  if (combined.decision !== 'reject' || agreeing.length < 2) return combined;
  const odd = exactRejects.filter((i) => !agreeing.includes(i));
  return { ...combined, marked: [...combined.marked, ...odd] };
}

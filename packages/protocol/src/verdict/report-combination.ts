import { equalBytes } from '../base/bytes.ts';
import { countVotes, type ReportDecision } from '../modality/text/adjudicate.ts';
import type { WeighedReport } from './report-check.ts';

/** Whether two honest verifiers would reject with the same bytes: in an exact class, or by what is the same in every class. */
const isReproducible = ({ outcome, claimsExact, fault }: WeighedReport): boolean =>
  outcome === 'reject' && (claimsExact || fault?.isFact === true);

/** The largest group of reproducible rejects that saw the same fault, to the bit. */
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

/** So many equal, reproducible rejects outweigh an accept while another verifier can be asked: two may collude. */
const SETTLING_REJECTS = 3;
/** So many of them charge the provider. They cost it the fee; what ejects it is their repetition (isReproduced). */
const CHARGING_REJECTS = 2;

function findExactRejects(weighed: readonly WeighedReport[]): readonly number[] {
  return findAgreeingRejects(weighed).filter((index) => weighed[index]?.exact);
}

/** Whether the provider is charged with what anybody of that class can repeat. */
function isExactCharge(weighed: readonly WeighedReport[]): boolean {
  return findExactRejects(weighed).length >= CHARGING_REJECTS;
}

/** Whether so many reject, on whatever grounds, that a further one would speak against the provider's name. */
export function isCharge(weighed: readonly WeighedReport[]): boolean {
  if (isExactCharge(weighed)) return true;
  const rejects = weighed.filter(({ outcome }) => outcome === 'reject').length;
  return rejects >= CHARGING_REJECTS && combineReports(weighed, false).decision === 'reject';
}

/** Whether every reject is one that anybody of that class can repeat, so that no measured drift speaks against the reply. */
function isClaimedExactly(weighed: readonly WeighedReport[]): boolean {
  return weighed.every((one) => one.outcome !== 'reject' || (one.exact && isReproducible(one)));
}

interface SittingReport {
  readonly weighed: WeighedReport;
  readonly sitting: number;
}

/** Whether one of these rejects came in a later sitting than those that charged the provider. */
const isRepeated = (sittings: readonly number[]): boolean =>
  sittings.some((sitting) => sittings.filter((before) => before < sitting).length >= CHARGING_REJECTS);

/**
 * Whether a verifier of a later sitting, drawn from those that were not asked before, found to the bit what the provider was charged
 * with.
 */
export function isReproduced(reports: readonly SittingReport[]): boolean {
  return isRepeated(findExactRejects(reports.map(({ weighed }) => weighed)).map((i) => reports[i]?.sitting ?? 0));
}

/**
 * Whether a verifier of a later sitting rejects as well where scores speak. Two in league can say anything, and know the draw of their
 * own sitting, but not that of a later one.
 */
function isSeconded(reports: readonly SittingReport[]): boolean {
  return isRepeated(reports.flatMap(({ weighed, sitting }) => (weighed.outcome === 'reject' ? [sitting] : [])));
}

/** Whether nobody outside the draw has confirmed a reject, so that it costs the fee and not the name. */
export function isUnconfirmed(reports: readonly SittingReport[]): boolean {
  const weighed = reports.map((one) => one.weighed);
  if (isExactCharge(weighed) || isClaimedExactly(weighed)) return !isReproduced(reports);
  return !isSeconded(reports);
}

/** A measured e-value above this makes the validator ask another verifier, whatever the report decides. */
const FAR_OUT = 2;

/** Whether the only report measures something that speaks against the provider, and does not reject. */
export function isFarOut([only, ...others]: readonly WeighedReport[]): boolean {
  return only !== undefined && others.length === 0 && only.outcome !== 'reject' && (only.drift?.eValue ?? 0) > FAR_OUT;
}

/**
 * What the reports on a reply that is not rejected say against its provider: nothing that one verifier says alone. The mean is an
 * e-value (judge.ts), and what is smaller is one, too.
 * @param eValues of all reports that measured something and are not refuted.
 */
export function combineEvidence(eValues: readonly number[]): number | undefined {
  if (eValues.length === 0) return undefined;
  const mean = eValues.reduce((sum, value) => sum + value, 0) / eValues.length;
  const second = [...eValues].sort((a, b) => b - a)[1] ?? 0;
  return Math.min(mean, Math.max(1, second));
}

/**
 * Several reports, one decision (docs/spec/stage-2.md). In an exact class honest verifiers equal each other to the bit, and so
 * they do in every class on prompt, vocabulary and text. So agreement is what counts there. A colluding verifier may accept what the provider told it, and another may invent a reject:
 * if one accept and one reject disagree, a third verifier decides. Two invented rejects differ and outweigh nothing. Two equal
 * ones end a sitting; they may come from colluding verifiers, so a later sitting asks further ones (`isReproduced`). Against one
 * accept a third is asked; if nobody is left, two outweigh it. Elsewhere the majority does (`countVotes`). Exact accepts outweigh
 * as many rejects by scores, and no more: a league can repeat what its provider says, as another can invent scores.
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
    // A single other report refutes nobody.
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

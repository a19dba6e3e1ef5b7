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
export function isCharge(weighed: readonly WeighedReport[]): boolean {
  return findExactRejects(weighed).length >= CHARGING_REJECTS;
}

/** Whether every reject is one that anybody of that class can repeat, so that no measured drift speaks against the reply. */
export function isClaimedExactly(weighed: readonly WeighedReport[]): boolean {
  return weighed.every((one) => one.outcome !== 'reject' || (one.exact && isReproducible(one)));
}

/**
 * Whether a verifier of a later sitting, drawn from those that were not asked before, found to the bit what the provider was charged
 * with.
 */
export function isReproduced(
  reports: readonly { readonly weighed: WeighedReport; readonly sitting: number }[],
): boolean {
  const agreeing = findExactRejects(reports.map(({ weighed }) => weighed)).map((index) => reports[index]?.sitting ?? 0);
  return agreeing.some((sitting) => agreeing.filter((before) => before < sitting).length >= CHARGING_REJECTS);
}

/**
 * Several reports, one decision (docs/spec/stage-2.md). In an exact class honest verifiers equal each other to the bit, and so
 * they do in every class on prompt, vocabulary and text. So agreement is what counts there. A colluding verifier may accept what the provider told it, and another may invent a reject:
 * if one accept and one reject disagree, a third verifier decides. Two invented rejects differ and outweigh nothing. Two equal
 * ones end a sitting; they may come from colluding verifiers, so a later sitting asks further ones (`isReproduced`). Against one
 * accept a third is asked; if nobody is left, two outweigh it. Elsewhere the majority does (`countVotes`).
 */
export function combineReports(weighed: readonly WeighedReport[], canAskAnother: boolean): ReportDecision {
  const pick = (test: (one: WeighedReport) => boolean): number[] => weighed.flatMap((one, i) => (test(one) ? [i] : []));
  const accepts = pick(({ outcome, exact }) => exact && outcome === 'accept');
  const rejects = pick(({ outcome }) => outcome === 'reject');
  const agreeing = findAgreeingRejects(weighed);
  if (accepts.length > 0 && rejects.length > 0) {
    if (accepts.length >= 2 && accepts.length > agreeing.length) return { decision: 'accept', marked: rejects };
    const isSettled = agreeing.length >= SETTLING_REJECTS || !canAskAnother;
    if (agreeing.length >= 2 && agreeing.length > accepts.length && isSettled) {
      return { decision: 'reject', marked: pick(({ outcome }) => outcome === 'accept') };
    }
    if (canAskAnother) return { decision: 'ask-another', marked: [] };
    // A single other report refutes nobody.
    return { decision: accepts.length >= agreeing.length ? 'accept' : 'inconclusive', marked: [] };
  }
  const exactRejects = pick(isReproducible);
  if (exactRejects.length >= 2 && agreeing.length < 2 && exactRejects.length === rejects.length) {
    // The rejects contradict each other, so at least one is invented.
    return { decision: canAskAnother ? 'ask-another' : 'inconclusive', marked: [] };
  }
  const combined = countVotes(weighed, canAskAnother);
  if (combined.decision !== 'reject' || agreeing.length < 2) return combined;
  const odd = exactRejects.filter((i) => !agreeing.includes(i));
  return { ...combined, marked: [...combined.marked, ...odd] };
}

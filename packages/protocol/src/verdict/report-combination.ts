import { countTokens, type WeighedCandidate } from '../audit/candidate-stakes.ts';
import { equalBytes, toHex } from '../base/bytes.ts';
import type { Outcome } from '../base/checks.ts';
import type { WeighedReport } from './report-check.ts';

/** An opened report. No operator has two of them on one reply, because the draw leaves out operators that reported. */
export interface CountedReport {
  readonly weighed: WeighedReport;
  /** Number of its audit attempt. */
  readonly sitting: number;
  /** Stake of its verifier's payee, whole tokens, by the list of its audit attempt. */
  readonly stake: bigint;
}

/** Lists the opened reports of an audit, in the order in which their verifiers were asked. */
export function countReports({
  lists,
  asked,
}: {
  readonly lists: readonly (readonly (WeighedCandidate & { readonly providerId: Uint8Array })[])[];
  readonly asked: readonly {
    readonly verifierId: Uint8Array;
    readonly sitting: number;
    readonly weighed: WeighedReport | undefined;
  }[];
}): CountedReport[] {
  return asked.flatMap(({ weighed, verifierId, sitting }) => {
    if (weighed === undefined) return [];
    const list = lists[sitting] ?? [];
    const payee = list.find(({ providerId }) => equalBytes(providerId, verifierId))?.payee;
    return [{ weighed, sitting, stake: payee === undefined ? 0n : countTokens(list, payee) }];
  });
}

/** Counts the stake of the payees that were asked and have reported nothing, whole tokens. */
export function countSilentStake({ lists, asked }: Parameters<typeof countReports>[0]): bigint {
  const stakes = new Map<string, bigint>();
  for (const { verifierId, sitting } of asked) {
    const list = lists[sitting] ?? [];
    const payee = list.find(({ providerId }) => equalBytes(providerId, verifierId))?.payee;
    if (payee !== undefined) stakes.set(toHex(payee), countTokens(list, payee));
  }
  for (const { verifierId, sitting, weighed } of asked) {
    const payee = lists[sitting]?.find(({ providerId }) => equalBytes(providerId, verifierId))?.payee;
    if (weighed !== undefined && payee !== undefined) stakes.delete(toHex(payee));
  }
  return [...stakes.values()].reduce((sum, tokens) => sum + tokens, 0n);
}

/**
 * Returns whether silent verifiers have more stake than those that accept. Otherwise a provider's own verifiers with the least stake
 * would accept the requests that nobody else can run.
 */
export function isOutweighedBySilence(reports: readonly CountedReport[], silentStake: bigint): boolean {
  return silentStake > sumStakes(reports.filter(({ weighed }) => weighed.outcome === 'accept'));
}

const isExact = ({ weighed }: CountedReport): boolean => weighed.exact;
const isReject = ({ weighed }: CountedReport): boolean => weighed.outcome === 'reject';

/**
 * Returns whether two reports found the same to the bit. Honest verifiers do, if equality decides, and about facts that are the
 * same in every class.
 */
function agree({ weighed: a }: CountedReport, { weighed: b }: CountedReport): boolean {
  if (!a.exact || !b.exact || a.outcome !== b.outcome) return false;
  return a.outcome === 'accept' || equalBytes(a.fault?.seen ?? a.finding, b.fault?.seen ?? b.finding);
}

/** Lists, for each exact reject, all rejects that agree with it to the bit. */
const listGroups = (rejects: readonly CountedReport[]): readonly (readonly CountedReport[])[] =>
  rejects.filter(isExact).map((one) => rejects.filter((other) => agree(one, other)));

const findLargest = (groups: readonly (readonly CountedReport[])[]): readonly CountedReport[] =>
  groups.reduce((largest, group) => (group.length > largest.length ? group : largest), []);

/**
 * Returns whether one group of reports outweighs another: it has more operators, and not less stake. Names are free, and a
 * single large stake must not decide alone.
 */
function outweighs(
  one: readonly Pick<CountedReport, 'stake'>[],
  other: readonly Pick<CountedReport, 'stake'>[],
): boolean {
  return one.length > other.length && sumStakes(one) >= sumStakes(other);
}

const sumStakes = (group: readonly Pick<CountedReport, 'stake'>[]): bigint =>
  group.reduce((tokens, { stake }) => tokens + stake, 0n);

/** Returns whether a report is in doubt by measured drift. Others that decide nothing lack room, a row, or the reply's class. */
const isMeasuredDoubt = ({ weighed }: CountedReport): boolean =>
  weighed.outcome === 'inconclusive' && weighed.drift?.outcome === 'inconclusive';

/** Number of rejects that charge the provider. They cost it the fee. Only their repetition ejects it (isReproduced). */
const CHARGING_REJECTS = 2;

const findExactRejects = (reports: readonly CountedReport[]): readonly CountedReport[] =>
  findLargest(listGroups(reports.filter(isReject)));

/** Returns whether the provider is charged with a fault that any verifier of that class can repeat. */
function isExactCharge(reports: readonly CountedReport[]): boolean {
  return findExactRejects(reports).length >= CHARGING_REJECTS;
}

/** Returns whether enough verifiers reject, on any grounds, that a further reject would confirm the charge. */
export function isCharge(reports: readonly CountedReport[]): boolean {
  if (isExactCharge(reports)) return true;
  const rejects = reports.filter(isReject).length;
  return rejects >= CHARGING_REJECTS && combineReports(reports).decision === 'reject';
}

/** Selects the reports but for rejects that are about another key than the decision. They confirm nothing about this one. */
function selectNaming(reports: readonly CountedReport[]): readonly CountedReport[] {
  const { culprit } = combineReports(reports);
  return reports.filter((one) => !isReject(one) || one.weighed.culprit === culprit);
}

/** Returns whether one of these rejects came in a later audit attempt than the charge. */
const isRepeated = (rejects: readonly CountedReport[]): boolean =>
  rejects.some(({ sitting }) => rejects.filter((before) => before.sitting < sitting).length >= CHARGING_REJECTS);

/**
 * Returns whether a verifier of a later audit attempt repeated the charge to the bit. It was drawn from those that were not
 * asked before.
 */
export function isReproduced(reports: readonly CountedReport[]): boolean {
  return isRepeated(findExactRejects(selectNaming(reports)));
}

/**
 * Returns whether no verifier outside the draw has confirmed a reject. Then it costs the fee and does not eject. Two colluding
 * verifiers can report any scores. They know the draw of their own attempt, but not that of a later one.
 */
export function isUnconfirmed(reports: readonly CountedReport[]): boolean {
  const naming = selectNaming(reports);
  const rejects = naming.filter(isReject);
  // If any verifier of that class can repeat every reject, no measured drift counts against the reply.
  if (isExactCharge(naming) || rejects.every(isExact)) return !isReproduced(reports);
  return !isRepeated(rejects);
}

/** The measured e-value above which the validator asks another verifier, for any decision of the report. */
const FAR_OUT = 2;

/** Returns whether the only report does not reject, but measures evidence against the provider. */
export function isFarOut([only, ...others]: readonly CountedReport[]): boolean {
  if (only === undefined || others.length > 0) return false;
  const { outcome, drift } = only.weighed;
  return outcome !== 'reject' && (drift?.eValue ?? 0) > FAR_OUT;
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

export interface ReportDecision {
  /** `unjudged`: the reports contradict each other, and no side outweighs the other. `inconclusive`: they are in doubt. */
  readonly decision: Outcome | 'unjudged';
  /** Whether another verifier is asked if there is one. If there is none, the decision stands. */
  readonly wantsAnother: boolean;
  /** Indices of reports that the others refute. Their verifiers are marked. */
  readonly marked: readonly number[];
  /** Place of the shard that a reject is about; undefined if it is about the provider that signed the record. */
  readonly culprit?: number | undefined;
}

/**
 * Combines several reports into one decision (docs/spec/validator-audits.md). A side wins if it outweighs the other:
 * - The accepts are one side. They also need as much stake as the reports in measured doubt: otherwise one small stake could
 * turn every doubt into an accept.
 * - Rejects by scores and exact rejects that agree to the bit are the other side. Exact rejects that differ make sides of their
 * own, because invented ones differ. Rejects about different shards of a cohort are on different sides, too.
 * - A reject needs two reports: a lying verifier must not cost an honest provider its fee. One that nobody contradicts is left
 * to the caller.
 */
export function combineReports(reports: readonly CountedReport[]): ReportDecision {
  const accepts = reports.filter(({ weighed }) => weighed.outcome === 'accept');
  const rejects = reports.filter(isReject);
  const sides = listSides(rejects);
  const charge = findLargest(sides.filter((side) => side.length >= CHARGING_REJECTS && outweighs(side, accepts)));
  if (charge.length > 0) {
    const { culprit } = (charge[0] as CountedReport).weighed;
    return { decision: 'reject', wantsAnother: false, marked: listRefuted(reports, charge), culprit };
  }
  const isDoubted = sumStakes(accepts) < sumStakes(reports.filter(isMeasuredDoubt));
  if (!isDoubted && sides.every((side) => outweighs(accepts, side))) {
    return { decision: 'accept', wantsAnother: isFarOut(reports), marked: listRefuted(reports, accepts) };
  }
  const isContradicted = rejects.length > 1 || (rejects.length === 1 && accepts.length > 0);
  const decision = isContradicted ? 'unjudged' : rejects.length > 0 ? 'reject' : 'inconclusive';
  return {
    decision,
    wantsAnother: true,
    marked: [],
    culprit: decision === 'reject' ? rejects[0]?.weighed.culprit : undefined,
  };
}

/** Lists the sides of the rejects: one at least, and more if they name different keys or differ in exact values. */
function listSides(rejects: readonly CountedReport[]): readonly (readonly CountedReport[])[] {
  const culprits = new Set(rejects.length === 0 ? [undefined] : rejects.map(({ weighed }) => weighed.culprit));
  return [...culprits].flatMap((culprit) => {
    const own = rejects.filter(({ weighed }) => weighed.culprit === culprit);
    const byScores = own.filter((one) => !isExact(one));
    const groups = listGroups(own);
    return groups.length === 0 ? [byScores] : groups.map((group) => [...byScores, ...group]);
  });
}

/**
 * Lists the reports that the winning side refutes, because it outweighs those that agree with them. Equality and scores can
 * both be right, so only exact reports count against a report by equality.
 */
function listRefuted(reports: readonly CountedReport[], winners: readonly CountedReport[]): number[] {
  const exact = winners.filter(isExact);
  return reports.flatMap((one, i) => {
    if (winners.includes(one) || one.weighed.outcome === 'inconclusive') return [];
    const isEquality = one.weighed.exact && one.weighed.fault?.isFact !== true;
    const agreeing = reports.filter((other) => other === one || agree(one, other));
    return outweighs(isEquality ? exact : winners, agreeing) ? [i] : [];
  });
}

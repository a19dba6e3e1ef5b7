import type { AimOutcome, AimRow, AttackRow, ComparedPair } from './results.ts';

/** An aim without measurements is undecided, whatever outcome it states. */
export const outcomeOf = ({ outcome, measured }: AimRow): AimOutcome =>
  measured.trim() === '' || !OUTCOMES.includes(outcome) ? 'undecided' : outcome;

const OUTCOMES: readonly AimOutcome[] = ['met', 'missed', 'undecided'];

/** Their name among the checks that reject a reply. */
export const FIXED_LIMITS = 'fixed limits';

/** Share of replies that checks without an error rate must refute. One refuted reply suffices, so tens of replies decide. */
const REFUTED = 0.1;

/** Whether a provider that always plays the attack is detected: by a refutation within tens of replies, or by evidence. */
export function isDecided({ equality, tokensToDecide, ...row }: AttackRow): boolean {
  const { differ } = equality ?? {};
  const differs = differ !== undefined && differ.of > 0 && differ.value >= REFUTED;
  return differs || computeRefuted(row) >= REFUTED || tokensToDecide !== undefined;
}

/** Share of single replies that a check without an error rate refutes, in stage 1 or by another class's verifier. */
export function computeRefuted({
  stage1,
  caughtBy,
  replies,
}: Pick<AttackRow, 'stage1' | 'caughtBy' | 'replies'>): number {
  const { nothing = 0, likelihood = 0, [FIXED_LIMITS]: limits = 0 } = caughtBy;
  const seen = replies > 0 ? (replies - nothing - likelihood - limits) / replies : 0;
  return Math.max(seen, stage1.of > 0 ? stage1.value : 0);
}

/** The lowest false-reject rate that was measured, and the share of windows caught at it; undefined without values. */
export function strictestCatch({ perWindow }: AttackRow) {
  return [...perWindow].sort((a, b) => a.falseRejectRate - b.falseRejectRate)[0];
}

export const formatPair = ({ provider, verifier }: ComparedPair): string => `${provider} → ${verifier}`;

/** Families in the order in which they come up, each with the hardest to catch first. */
export function groupByFamily(attacks: readonly AttackRow[]): ReadonlyMap<string, readonly AttackRow[]> {
  const families = new Map<string, AttackRow[]>();
  for (const row of attacks) families.set(row.family, [...(families.get(row.family) ?? []), row]);
  for (const rows of families.values()) rows.sort(compareRows);
  return families;
}

const compareRows = (a: AttackRow, b: AttackRow): number =>
  compareText(a.weights, b.weights) ||
  compareText(formatPair(a), formatPair(b)) ||
  (strictestCatch(a)?.caught.value ?? 2) - (strictestCatch(b)?.caught.value ?? 2) ||
  compareText(a.attack, b.attack);

/** By code units: the same order in every locale. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

import { type Check, type Outcome, skip } from '../base/checks.ts';
import { lookUpTier, TIERS } from './registry.ts';
import type { TierEntry } from './tier.ts';

export interface TierOutcome {
  readonly outcome: Outcome;
  /** What was found, and, under the tier's name, why it decides nothing there. */
  readonly checks: readonly Check[];
}

/**
 * The outcome of one report in the reply's tier. What the tier does not admit is inconclusive, with a check that says so. In a
 * tier that is refused nothing is accepted.
 * @param found.exact by equality in the reply's own class, or by what is equal in every class.
 */
export function judgeOutcome(
  name: string,
  found: TierOutcome & { readonly exact: boolean },
  tiers: readonly TierEntry[] = TIERS,
): TierOutcome {
  const { outcome, checks } = found;
  const { tier, refusal } = lookUpTier(name, tiers);
  const problem = tier ? tier.findOutcomeProblem(outcome, found) : outcome === 'accept' ? refusal : undefined;
  return problem === undefined
    ? { outcome, checks }
    : { outcome: 'inconclusive', checks: [...checks, skip(name, problem)] };
}

/** Whether a reject opens a dispute, which leaves evidence of the layer where two computations part. */
export function opensDispute(name: string, tiers: readonly TierEntry[] = TIERS): boolean {
  return lookUpTier(name, tiers).tier?.verifierWork.includes('trace') ?? false;
}

/**
 * Whether a reply of the tier shows something that a verifier could compare. Where it does not, no beacon selects it, and its entry
 * says `unaudited`. A tier that is refused is audited: its header is evidence by itself.
 */
export function isComparable(name: string, tiers: readonly TierEntry[] = TIERS): boolean {
  return lookUpTier(name, tiers).tier?.verifierWork.length !== 0;
}

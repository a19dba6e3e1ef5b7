import { type Check, type Outcome, skip } from '../base/checks.ts';
import { lookUpTier, TIERS } from './registry.ts';
import type { TierEntry } from './tier.ts';

export interface TierOutcome {
  readonly outcome: Outcome;
  /** Findings. If the tier does not admit the outcome, a check under the tier's name says why. */
  readonly checks: readonly Check[];
}

/**
 * Decides the outcome of one report in the reply's tier. An outcome that the tier does not admit becomes inconclusive, with a check that
 * says why. A tier that is not served accepts nothing.
 * @param found.exact found by equality in the reply's own class, or of values that are equal in every class.
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

/** Whether validators and verifiers may read the texts and the opening of a reply of the tier. */
export function mayShowTexts(name: string, tiers: readonly TierEntry[] = TIERS): boolean {
  return lookUpTier(name, tiers).tier?.audit !== 'none';
}

/**
 * Whether a reply of the tier shows something that a verifier could compare. Where it does not, no beacon selects it, and its entry
 * says `unaudited`. A tier that is refused is audited: its header is evidence by itself.
 */
export function isComparable(name: string, tiers: readonly TierEntry[] = TIERS): boolean {
  return lookUpTier(name, tiers).tier?.verifierWork.length !== 0;
}

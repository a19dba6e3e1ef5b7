import { type Check, fail, pass } from '../base/checks.ts';
import { isExactClass } from './exact-class.ts';
import { listServedTiers, lookUpTier, TIERS } from './registry.ts';
import type { TierEntry } from './tier.ts';

/** The promise under which a reply was served, and the way to check it (docs/spec/tiers.md). */
export interface Posture {
  readonly tier: string;
  readonly method: string;
  readonly numericClass: string;
  /** Whether another machine of the class reproduces the reply bit for bit. */
  readonly exact: boolean;
}

/** The posture that a header of any modality states. */
export type StatedPosture = Omit<Posture, 'exact'>;

export function readPosture({ tier, method, numericClass }: StatedPosture): Posture {
  return { tier, method, numericClass, exact: isExactClass(numericClass) };
}

/** Explains why this class cannot serve the tier; undefined if it can. */
export function findTierProblem(
  name: string,
  numericClass: string,
  tiers: readonly TierEntry[] = TIERS,
): string | undefined {
  const { tier, refusal } = lookUpTier(name, tiers);
  if (tier === undefined) return refusal;
  if (tier.classes === 'exact' && !isExactClass(numericClass)) {
    return `tier ${name} needs a numeric class that another machine reproduces bit for bit; ${numericClass} is none`;
  }
  if (tier.classes === 'inexact' && isExactClass(numericClass)) {
    return `tier ${name} takes no exact class, since nobody compares its replies; ${numericClass} claims to be one`;
  }
  return undefined;
}

/** Explains to an operator why this engine cannot serve the tier; undefined if it can. */
export function findEngineProblem(
  name: string,
  { numericClass, exact }: { readonly numericClass: string; readonly exact: boolean },
  tiers: readonly TierEntry[] = TIERS,
): string | undefined {
  const { tier, refusal } = lookUpTier(name, tiers);
  if (tier === undefined) return refusal;
  if (tier.classes === 'exact' && !exact) {
    const others = listServedTiers(tiers).filter(({ classes, channel }) => classes === 'any' && channel === 'any');
    return (
      `tier ${name} is refused: this engine was not seen to reproduce itself bit for bit (numeric class ${numericClass}). ` +
      `Serve the model with exact kernels, or in tier ${others.map((other) => other.name).join(' or ')}`
    );
  }
  return findTierProblem(name, numericClass, tiers);
}

/** Checks that tier, method and class of a signed header agree. A contradiction is the provider's fault: it signed the header. */
export function checkPosture(header: StatedPosture, tiers: readonly TierEntry[] = TIERS): Check {
  const { tier: name, method, numericClass } = header;
  const problem = findTierProblem(name, numericClass, tiers);
  if (problem !== undefined) return fail('posture', problem);
  const expected = lookUpTier(name, tiers).tier?.method;
  if (method !== expected) return fail('posture', `tier ${name} is checked by ${expected}; the header says ${method}`);
  return pass('posture', describePosture(readPosture(header), tiers));
}

/** Describes a posture to people: the promise, the check, and the limits of that check. */
export function describePosture(posture: Posture, tiers: readonly TierEntry[] = TIERS): string {
  const { tier: name, method, numericClass, exact } = posture;
  const { tier, refusal } = lookUpTier(name, tiers);
  return `tier ${name}, method ${method}, ${exact ? 'exact' : 'inexact'} class ${numericClass}: ${tier?.describeAudit(posture) ?? refusal}`;
}

import { PPM } from '../exchange/reputation.ts';
import { computeDeterringCoverage } from './audit-plan.ts';

/**
 * s as the network counts on it, ppm: an audit by one drawn verifier where a league has a third of all draws, and its honeypots
 * and pairs find a tenth of what that league hides: (1 - 1/3) (1 + 0.1 / 3).
 */
export const SOUNDNESS_PPM = 688_888;

export interface HeldStakes {
  /** p: what the reply pays, lost on a reject. */
  readonly feeAtomic: bigint;
  /** H: what the provider has earned and an ejection takes. */
  readonly heldAtomic: bigint;
  /** s: P(caught | forged and audited), ppm; at least 1. */
  readonly soundnessPpm: number;
  /** The least coverage of any reply, ppm. */
  readonly basePpm: number;
}

/**
 * Coverage under which forging one reply gains nothing, whatever the provider did before: min(1, max(base, p / (s (H + p)))), rounded
 * up. Forged, a reply earns p unless it is caught, and then costs H: the gain is p - alpha s (H + p), at most 0 for every result below
 * 1,000,000. Where even full coverage does not deter, while H < p (1 - s) / s, the result is 1,000,000: such a provider needs a second
 * verifier, which raises s.
 * @returns parts per million.
 * @throws RangeError on a rate outside 0..1,000,000, a soundness of 0, or a negative amount.
 */
export function computeAuditRate({ feeAtomic, heldAtomic, soundnessPpm, basePpm }: HeldStakes): number {
  if (soundnessPpm === 0) throw new RangeError('an audit that catches nothing');
  if (!Number.isInteger(basePpm) || basePpm < 0 || basePpm > PPM) throw new RangeError(`a coverage of ${basePpm} ppm`);
  const stakes = { soundnessPpm, falsePositivePpm: 0, feeAtomic, franchiseAtomic: heldAtomic };
  return Math.max(basePpm, computeDeterringCoverage(stakes, feeAtomic) ?? PPM);
}

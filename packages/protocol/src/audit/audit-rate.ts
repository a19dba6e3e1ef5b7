import { PPM } from '../exchange/reputation.ts';
import { computeDeterringCoverage } from './audit-plan.ts';

/**
 * s as the network assumes it, ppm: (1 - 1/3) (1 + 0.1 / 3). One drawn verifier does the audit, and a league of cheats has a
 * third of all draws. Honeypots and pairs find a tenth of the replies that the league hides.
 */
export const SOUNDNESS_PPM = 688_888;

export interface HeldStakes {
  /** p: fee of the reply, lost on a reject. */
  readonly feeAtomic: bigint;
  /** H: held earnings of the provider, which an ejection takes. */
  readonly heldAtomic: bigint;
  /** s: P(caught | forged and audited), ppm; at least 1. */
  readonly soundnessPpm: number;
  /** The least coverage of any reply, ppm. */
  readonly basePpm: number;
}

/**
 * Computes the coverage under which forging one reply gains nothing, whatever the provider did before: min(1, max(base, p / (s
 * (H + p)))), rounded up. A forged reply earns p unless it is caught, and then costs H. So the gain is p - alpha s (H + p), at
 * most 0 for every result below 1,000,000. If H < p (1 - s) / s, even full coverage does not deter and the result is 1,000,000.
 * Such a provider needs a second verifier, which raises s.
 * @returns parts per million.
 * @throws RangeError on a rate outside 0..1,000,000, a soundness of 0, or a negative amount.
 */
export function computeAuditRate({ feeAtomic, heldAtomic, soundnessPpm, basePpm }: HeldStakes): number {
  if (soundnessPpm === 0) throw new RangeError('an audit that catches nothing');
  if (!Number.isInteger(basePpm) || basePpm < 0 || basePpm > PPM) throw new RangeError(`a coverage of ${basePpm} ppm`);
  const stakes = { soundnessPpm, falsePositivePpm: 0, feeAtomic, franchiseAtomic: heldAtomic };
  return Math.max(basePpm, computeDeterringCoverage(stakes, feeAtomic) ?? PPM);
}

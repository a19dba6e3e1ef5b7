import { HONEST } from '@ogong/provider/calibration/source-id';
import {
  CLAIM_VERIFIERS,
  CLAIMANTS,
  CLAIMED,
  type Experiment,
  isBetweenBackends,
  isUsual,
  MAIN_PAIR,
} from '../plan/experiments.ts';
import { SOLD_WEIGHTS, type SoldWeights } from '../plan/profiles.ts';
import type { DetectionSetupName } from '../plan/setups.ts';
import type { ClassClaimRow } from '../results.ts';
import { shareOf } from '../share.ts';
import { createDetector, type Length } from './detector.ts';
import type { ReadExperiment } from './fit-pair.ts';
import type { JudgedReply } from './load.ts';
import { passesFallback } from './measure-attacks.ts';
import { measureWindowDecision } from './measure-decision.ts';

export interface ClaimSamples {
  readonly weights: SoldWeights;
  readonly attack: string;
  /** The cheat's replies, computed in the exact class. */
  readonly replies: readonly JudgedReply[];
  readonly verifier: string;
  /** The class that it claims. The same verifier scores honest providers of that class. */
  readonly claimed: string;
  readonly honest: readonly JudgedReply[];
  /** Whether whole replies or first windows were sampled of those. */
  readonly length: Length;
  readonly seed: number;
  readonly code: string;
}

/** A class that a cheat in the CPU's exact class may claim, and the verifier that scores it. */
interface Claim {
  readonly claimed: DetectionSetupName;
  readonly verifier: DetectionSetupName;
  readonly length: Length;
  readonly isSampledFor: (honest: Experiment) => boolean;
}

const CLAIMS: readonly Claim[] = [
  ...CLAIM_VERIFIERS.map((verifier): Claim => {
    return { claimed: CLAIMED, verifier, length: 'whole', isSampledFor: ({ source }) => source === HONEST };
  }),
  // A class of another back end, where drift is several times as large.
  { claimed: 'vulkan', verifier: 'cpu-fast', length: 'first', isSampledFor: isBetweenBackends },
];

export interface ClaimsOptions {
  readonly attacks: readonly Experiment[];
  readonly honest: readonly Experiment[];
  readonly seed: number;
  readonly code: string;
  readonly read: ReadExperiment;
}

/** Rows for every weight type, claimed class and cheat. */
export function measureClaims({ attacks, honest, seed, code, read }: ClaimsOptions): ClassClaimRow[] {
  return SOLD_WEIGHTS.flatMap((weights) =>
    CLAIMS.flatMap(({ claimed, verifier, length, isSampledFor }) => {
      const seen = (each: Experiment): boolean => each.weights === weights && each.verifier === verifier;
      const neighbours = honest
        .filter((each) => seen(each) && each.provider === claimed && each.model === undefined && isSampledFor(each))
        .flatMap(read);
      if (neighbours.length === 0) return [];
      return CLAIMANTS.flatMap((attack) => {
        const replies = attacks
          .filter(
            (each) => seen(each) && each.provider === MAIN_PAIR.provider && each.source === attack && isUsual(each),
          )
          .flatMap(read);
        if (replies.length === 0) return [];
        const pair = { claimed, verifier, honest: neighbours, length };
        return measureClaim({ weights, attack, replies, ...pair, seed, code }) ?? [];
      });
    }),
  );
}

/** The smallest rate that a small sample of honest replies can show. */
export const CLAIM_RATE = 0.01;

/**
 * Measures what a cheat gains by declaring a looser class than its own. Equality no longer decides at the first token. Its
 * distances remain those of its real machine, and are compared with honest machines of the claimed class.
 * The detector is fitted to some replies of this lie and judges the others.
 * @returns undefined if too few honest replies of the claimed class were sampled.
 */
export function measureClaim(samples: ClaimSamples): ClassClaimRow | undefined {
  const { weights, attack, replies, verifier, claimed, honest, length, seed, code } = samples;
  const detector = createDetector({
    ...{ providerClass: claimed, verifierClass: verifier, codeVersion: code },
    ...{ honest, attacks: new Map([[attack, replies]]) },
  });
  const judged = detector.judgeHeldOut(attack, length, replies);
  if (judged.length === 0) return undefined;
  return {
    claim: `${weights}: ${claimed} instead of cpu-exact, seen by ${verifier}${length === 'first' ? ', 32 tokens' : ''}`,
    ...{ weights, claimed, verifier, attack },
    lying: shareOf(judged, ({ pValue }) => pValue <= CLAIM_RATE),
    tokensToDecide: measureWindowDecision(detector.judgeHeldOut(attack, 'first', replies), seed).tokensToDecide,
    fallbackPasses: shareOf(
      replies.flatMap(({ scored }) => scored?.comparison.windows ?? []),
      passesFallback,
    ),
  };
}

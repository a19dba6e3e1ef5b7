import { createDetector } from './detector.ts';
import type { JudgedReply } from './load.ts';
import { passesFallback } from './measure-attacks.ts';
import { measureWindowDecision } from './measure-decision.ts';
import type { SoldWeights } from './profiles.ts';
import type { ClassClaimRow } from './results.ts';
import { shareOf } from './share.ts';

export interface ClaimSamples {
  readonly weights: SoldWeights;
  readonly attack: string;
  /** The cheat's replies, computed in the exact class. */
  readonly replies: readonly JudgedReply[];
  readonly verifier: string;
  /** Honest providers of the class that it claims instead, seen by the same verifier. */
  readonly claimed: string;
  readonly honest: readonly JudgedReply[];
  readonly seed: number;
  readonly code: string;
}

/** What a small sample of honest replies can tell at all. */
const RATE = 0.01;

/**
 * What a cheat gains that declares a looser class than it runs in: equality no longer decides at the first token, but its
 * distances are still those of the machine that it runs on, and meet what honest machines of the claimed class show.
 * The detector is fitted to replies of this very lie, and judges others.
 * @returns undefined where too few honest replies of the claimed class were sampled.
 */
export function measureClaim(samples: ClaimSamples): ClassClaimRow | undefined {
  const { weights, attack, replies, verifier, claimed, honest, seed, code } = samples;
  const detector = createDetector({
    ...{ providerClass: claimed, verifierClass: verifier, codeVersion: code },
    ...{ honest, attacks: new Map([[attack, replies]]) },
  });
  const judged = detector.judgeHeldOut(attack, 'whole', replies);
  if (judged.length === 0) return undefined;
  return {
    claim: `${weights}: ${claimed} instead of cpu-exact, seen by ${verifier}`,
    ...{ weights, verifier, attack },
    lying: shareOf(judged, ({ pValue }) => pValue <= RATE),
    tokensToDecide: measureWindowDecision(detector.judgeHeldOut(attack, 'first', replies), seed).tokensToDecide,
    fallbackPasses: shareOf(
      replies.flatMap(({ scored }) => scored?.comparison.windows ?? []),
      passesFallback,
    ),
  };
}

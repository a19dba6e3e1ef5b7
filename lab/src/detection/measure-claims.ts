import { createDetector, selectLength } from './detector.ts';
import type { SoldWeights } from './experiments.ts';
import type { JudgedReply } from './load.ts';
import type { ClassClaimRow } from './results.ts';
import { shareOf } from './share.ts';

export interface ClaimSamples {
  readonly weights: SoldWeights;
  readonly attack: string;
  /** The cheat's replies as a verifier of its real, exact class saw them. */
  readonly replies: readonly JudgedReply[];
  /** Honest providers of the class that it claims instead, seen by the same verifier. */
  readonly claimed: string;
  readonly honest: readonly JudgedReply[];
  readonly codeVersion: string;
}

/** What a small sample of honest replies can tell at all. */
const RATE = 0.01;

/**
 * What a cheat gains that declares a looser class than it runs in: equality no longer decides, but its distances are
 * still those of the machine that it runs on, and meet what honest machines of the claimed class show.
 * @returns undefined where too few honest replies of the claimed class were sampled.
 */
export function measureClaim(samples: ClaimSamples): ClassClaimRow | undefined {
  const { weights, attack, replies, claimed, honest, codeVersion } = samples;
  const detector = createDetector({
    ...{ weights, providerClass: claimed, verifierClass: 'cpu-exact', codeVersion },
    ...{ honest, attacks: new Map() },
  });
  const scored = replies.flatMap(({ scored }) => scored ?? []);
  const judged = selectLength(replies, 'whole').flatMap((sample) => detector.judge(sample) ?? []);
  if (judged.length === 0) return undefined;
  return {
    claim: `${weights}: ${claimed} instead of cpu-exact, seen by cpu-exact`,
    attack,
    truthful: shareOf(scored, ({ comparison }) => !comparison.identical),
    lying: shareOf(judged, ({ pValue }) => pValue <= RATE),
  };
}

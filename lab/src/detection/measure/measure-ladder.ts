import { computeQuantile } from '@ogong/protocol/statistics/statistics';
import type { Experiment } from '../plan/experiments.ts';
import type { LadderRow } from '../results.ts';
import { shareOf } from '../share.ts';
import type { JudgedReply } from './load.ts';
import { isUnrefuted, measureDifference, passesFallback } from './measure-attacks.ts';

/** One step of the quant ladder, sold as the next higher one. No row was measured for that weight type. */
export function measureLadder(given: {
  readonly experiment: Experiment;
  /** Checked by a verifier of another class. */
  readonly other: readonly JudgedReply[];
  /** Checked by one of the provider's own exact class. */
  readonly same: readonly JudgedReply[];
  /** Honest replies of the sold weights, between the classes of `other`. */
  readonly honest: readonly JudgedReply[];
}): LadderRow {
  const { weights, source, provider, verifier = '' } = given.experiment;
  const windowsOf = (replies: readonly JudgedReply[]) =>
    replies.flatMap(({ scored }) => scored?.comparison.windows ?? []);
  const distances = windowsOf(given.other).map(({ sketchDistance }) => sketchDistance);
  const honest = windowsOf(given.honest).map(({ sketchDistance }) => sketchDistance);
  const farthest = Math.max(...honest);
  const scored = given.other.filter((reply) => reply.scored !== undefined && isUnrefuted(reply));
  return {
    ...{ weights, attack: source, provider, verifier },
    replies: given.other.length,
    equality: measureDifference(given.same),
    sketch: computeQuantile(distances, 0.5),
    honestWindows: honest.length,
    farthestHonest: farthest,
    beyondHonest: shareOf(distances, (distance) => distance > farthest),
    fallbackPasses: shareOf(windowsOf(given.other), passesFallback),
    rejected: shareOf(scored, ({ scored: judged }) => judged?.fallback === 'reject'),
  };
}

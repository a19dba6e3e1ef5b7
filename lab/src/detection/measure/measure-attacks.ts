import { computeQuantile } from '@ogong/protocol/statistics/statistics';
import type { AttackDefinition } from '../../attackers/attack.ts';
import type { SoldWeights } from '../plan/profiles.ts';
import type { AttackRow, CatchRate, Difference } from '../results.ts';
import { computeAuc, shareOf } from '../share.ts';
import { FIXED_LIMITS } from '../standing.ts';
import type { Detector, Length, RankedReply } from './detector.ts';
import type { JudgedReply } from './load.ts';
import { measureDecision, measureWindowDecision } from './measure-decision.ts';
import { nameKind } from './name-kind.ts';

export interface MeasuredAttack {
  readonly attack: AttackDefinition;
  readonly weights: SoldWeights;
  /** Checked by a verifier of another class. */
  readonly other: readonly JudgedReply[];
  /** Checked by one of the provider's own exact class. */
  readonly same: readonly JudgedReply[];
  /** The same on a back end that is not the CPU. */
  readonly vulkan: readonly JudgedReply[];
  readonly provider: string;
  readonly verifier: string;
  readonly maxTokens: number;
}

const FALSE_REJECTS = [1e-3, 1e-4] as const;
/** A cap on distances, because a forged sketch may lie at any distance. */
const FARTHEST = 1000;

export function measureAttack(
  { attack, weights, other, same, vulkan, provider, verifier, maxTokens }: MeasuredAttack,
  detector: Detector,
  seed: number,
): AttackRow {
  const judged = other.filter((reply) => isJudged(attack, reply));
  const judge = (length: Length): readonly RankedReply[] => detector.judgeHeldOut(attack.name, length, judged);
  const [whole, first] = [judge('whole'), judge('first')];
  const windows = judged.flatMap(({ scored }) => scored?.comparison.windows ?? []);
  const unrefuted = new Set(other.filter(isUnrefuted).map((reply) => reply.seed));
  const limited = new Set(other.filter(({ scored }) => scored?.fallback === 'reject').map((reply) => reply.seed));
  const rejected = whole.filter(
    (reply) =>
      unrefuted.has(reply.seed) &&
      (reply.pValue <= FALSE_REJECTS[0] || (reply.isLeftToLimits && limited.has(reply.seed))),
  );
  const full = other.filter(({ tokens }) => tokens === maxTokens);
  const honest = detector.honest;
  const canCompare = honest.length > 0 && first.length > 0;
  return {
    ...{ attack: attack.name, family: attack.family, aim: attack.aim, weights, provider, verifier },
    replies: other.length,
    tokens: other.reduce((sum, { tokens }) => sum + tokens, 0),
    stage1: shareOf(other, ({ stage1 }) => stage1 !== undefined),
    stage1Full: shareOf(full, ({ stage1 }) => stage1 !== undefined),
    refutedAt: full.flatMap(({ refutedAt }) => refutedAt ?? []),
    equality: measureDifference(same),
    vulkan: measureDifference(vulkan),
    auc: canCompare ? computeAuc(honest, statisticsOf(first), seed) : undefined,
    medians:
      windows.length === 0
        ? undefined
        : {
            sketch: Math.min(
              FARTHEST,
              computeQuantile(
                windows.map(({ sketchDistance }) => sketchDistance),
                0.5,
              ),
            ),
            logprob: Math.min(
              FARTHEST,
              computeQuantile(
                windows.map(({ logprobShift }) => logprobShift),
                0.5,
              ),
            ),
            coherence: computeQuantile(
              judged.flatMap(({ scored }) => scored?.comparison.sketchCoherence ?? []),
              0.5,
            ),
          },
    perWindow: measureCatches(first),
    perReply: measureCatches(whole),
    ...measureWindowDecision(first, seed),
    repliesToDecide: measureDecision(whole, seed),
    fallbackPasses: shareOf(windows, passesFallback),
    checkCost: measureCheckCost(other),
    caughtBy: countChecks(other, detector),
    named:
      rejected.length === 0
        ? undefined
        : shareOf(rejected, ({ suspect }) => nameKind(suspect) === nameKind(attack.name)),
    namedExactly: rejected.length === 0 ? undefined : shareOf(rejected, ({ suspect }) => suspect === attack.name),
  };
}

export function measureDifference(replies: readonly JudgedReply[]): Difference | undefined {
  const scored = replies.flatMap((reply) => reply.scored ?? []);
  if (scored.length === 0) return undefined;
  const differing = scored.flatMap(({ unreproduced }) => unreproduced ?? []);
  return {
    differ: shareOf(scored, ({ unreproduced }) => unreproduced !== undefined),
    medianToken: differing.length === 0 ? 0 : computeQuantile(differing, 0.5),
    lastToken: differing.length === 0 ? 0 : Math.max(...differing),
  };
}

/** The fixed 0.10 / 0.10. */
export const passesFallback = ({
  sketchDistance,
  kolmogorov,
}: Readonly<Record<'sketchDistance' | 'kolmogorov', number>>): boolean => sketchDistance <= 0.1 && kolmogorov <= 0.1;

/** The median over replies with both times, because lanes share the machine and single times say little. */
export function measureCheckCost(replies: readonly Pick<JudgedReply, 'scored' | 'servedMs'>[]): number | undefined {
  const ratios = replies.flatMap(({ scored, servedMs }) =>
    scored && servedMs > 0 ? [scored.scoredMs / servedMs] : [],
  );
  return ratios.length === 0 ? undefined : computeQuantile(ratios, 0.5);
}

/** Whether every check without statistics lets a reply pass. */
export const isUnrefuted = ({ stage1, plain }: JudgedReply): boolean => stage1 === undefined && plain === undefined;

/** Whether the values of a reply are evidence. If a check refutes a forged commitment, its values are honest or missing. */
export const isJudged = ({ family }: Pick<AttackDefinition, 'family'>, reply: JudgedReply): boolean =>
  family !== 'commitment' || isUnrefuted(reply);

const statisticsOf = (judged: readonly RankedReply[]): number[] => judged.map(({ statistic }) => statistic);

const measureCatches = (judged: readonly RankedReply[]): CatchRate[] =>
  judged.length === 0 ? [] : FALSE_REJECTS.map((rate) => measureCatch(judged, rate));

/** By rank if the honest sample is large enough for the rate, otherwise by the tail that was fitted to it. */
export function measureCatch(judged: readonly RankedReply[], falseRejectRate: number): CatchRate {
  const isRanked = ({ leastPValue }: RankedReply): boolean => leastPValue <= falseRejectRate;
  const isCaught = (each: RankedReply): boolean =>
    (isRanked(each) ? each.pValue : each.extrapolatedPValue) <= falseRejectRate;
  return {
    falseRejectRate,
    caught: shareOf(judged, isCaught),
    extrapolated: judged.some((each) => isCaught(each) && !isRanked(each)),
  };
}

/** Counts replies by the first check that rejects, in a validator's order and at its default rate. */
function countChecks(replies: readonly JudgedReply[], detector: Detector): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const reply of replies) {
    const name = reply.stage1 ?? reply.plain ?? nameScoreCheck(reply, detector) ?? 'nothing';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function nameScoreCheck({ seed, scored }: JudgedReply, detector: Detector): string | undefined {
  if (scored === undefined) return undefined;
  const judged = detector.judge({ seed, evidence: scored.whole });
  if (judged !== undefined && judged.pValue <= FALSE_REJECTS[0]) return 'likelihood';
  const isLeftToLimits = judged?.isLeftToLimits ?? true;
  return isLeftToLimits && scored.fallback === 'reject' ? FIXED_LIMITS : undefined;
}

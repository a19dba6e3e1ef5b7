import { createSeededRandom } from '@ogong/node/calibration/seeded-random';
import { advancePayeeTest, computePayeeEvidence, INITIAL_PAYEE_TEST } from '@ogong/protocol/payee-test';
import { computeQuantile } from '@ogong/protocol/statistics';
import type { AttackDefinition } from '../attackers/attack.ts';
import type { Detector, Judged, Length } from './detector.ts';
import type { SoldWeights } from './experiments.ts';
import type { JudgedReply } from './load.ts';
import { nameKind } from './name-kind.ts';
import type { AttackRow, CatchRate } from './results.ts';
import { computeAuc, shareOf } from './share.ts';

export interface MeasuredAttack {
  readonly attack: AttackDefinition;
  readonly weights: SoldWeights;
  /** Checked by a verifier of another class. */
  readonly other: readonly JudgedReply[];
  /** Checked by one of the provider's own exact class. */
  readonly same: readonly JudgedReply[];
  readonly provider: string;
  readonly verifier: string;
  readonly maxTokens: number;
}

const FALSE_REJECTS = [1e-3, 1e-4] as const;
/** Odds at which a provider counts as found out. */
const DECISION = 1e-6;
const ORDERS = 100;
/** A forged sketch may lie at any distance. */
const FARTHEST = 1000;

export function measureAttack(
  { attack, weights, other, same, provider, verifier, maxTokens }: MeasuredAttack,
  detector: Detector,
  seed: number,
): AttackRow {
  const judge = (length: Length): readonly Judged[] => detector.selectHeldOut(attack.name, length, other);
  const [whole, first] = [judge('whole'), judge('first')];
  const differing = same.flatMap(({ scored }) => scored?.comparison.firstDifference ?? []);
  const scoredSame = same.filter(({ scored }) => scored !== undefined);
  const windows = other.flatMap(({ scored }) => scored?.comparison.windows ?? []);
  const rejected = whole.filter(({ pValue }) => pValue <= FALSE_REJECTS[0]);
  const honest = detector.honest.first;
  const canCompare = honest.length > 0 && first.length > 0;
  return {
    ...{ attack: attack.name, family: attack.family, aim: attack.aim, weights, provider, verifier },
    replies: other.length,
    tokens: other.reduce((sum, { tokens }) => sum + tokens, 0),
    stage1: shareOf(other, ({ stage1 }) => stage1 !== undefined),
    stage1Full: shareOf(
      other.filter(({ tokens }) => tokens === maxTokens),
      ({ stage1 }) => stage1 !== undefined,
    ),
    equality:
      scoredSame.length === 0
        ? undefined
        : {
            differ: shareOf(scoredSame, ({ scored }) => scored?.comparison.identical === false),
            medianToken: differing.length === 0 ? 0 : computeQuantile(differing, 0.5),
            lastToken: differing.length === 0 ? 0 : Math.max(...differing),
          },
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
          },
    perWindow: FALSE_REJECTS.map((rate) => measureCatch(first, rate)),
    perReply: FALSE_REJECTS.map((rate) => measureCatch(whole, rate)),
    ...measureDecision(first, seed),
    fallbackPasses: shareOf(windows, ({ sketchDistance, kolmogorov }) => sketchDistance <= 0.1 && kolmogorov <= 0.1),
    caughtBy: countChecks(other, detector),
    named:
      rejected.length === 0
        ? undefined
        : shareOf(rejected, ({ suspect }) => nameKind(suspect) === nameKind(attack.name)),
    roc: canCompare ? traceRoc(honest, statisticsOf(first)) : [],
  };
}

const statisticsOf = (judged: readonly Judged[]): number[] => judged.map(({ statistic }) => statistic);

/** By rank where the honest sample reaches so far, else by the fitted tail. */
function measureCatch(judged: readonly Judged[], falseRejectRate: number): CatchRate {
  const isReached = judged.some(({ pValue }) => pValue <= falseRejectRate);
  const extrapolated = !isReached && judged.some(({ extrapolatedPValue }) => extrapolatedPValue <= falseRejectRate);
  return {
    falseRejectRate,
    caught: shareOf(judged, (each) => (extrapolated ? each.extrapolatedPValue : each.pValue) <= falseRejectRate),
    extrapolated,
  };
}

/** The payee's sequential test over replies of 32 tokens, in many orders: how long it lasts, and how evidence grows. */
function measureDecision(
  judged: readonly Judged[],
  seed: number,
): Pick<AttackRow, 'tokensToDecide' | 'repliesToDecide' | 'evidence'> {
  if (judged.length === 0) return { tokensToDecide: undefined, repliesToDecide: undefined, evidence: [] };
  const random = createSeededRandom(seed);
  const runs = Array.from({ length: ORDERS }, () => runTest(judged, random));
  const lengths = runs.map(({ length }) => length);
  const quantile = (q: number): number => computeQuantile(lengths, q);
  const isDecided = quantile(0.9) <= LONGEST;
  const shown = Math.min(LONGEST, Math.ceil(quantile(0.5)));
  const evidence = Array.from({ length: Math.min(shown, POINTS) }, (_, i): [number, number] => {
    const replies = Math.ceil(((i + 1) * shown) / Math.min(shown, POINTS));
    return [
      32 * replies,
      computeQuantile(
        runs.map((run) => run[Math.min(replies, run.length) - 1] as number),
        0.5,
      ),
    ];
  });
  return {
    tokensToDecide: isDecided ? { median: 32 * quantile(0.5), p90: 32 * quantile(0.9) } : undefined,
    repliesToDecide: isDecided ? { median: quantile(0.5), p90: quantile(0.9) } : undefined,
    evidence,
  };
}

const LONGEST = 1000;
const POINTS = 50;

/** ln of the evidence after each reply, until it decides; one longer than LONGEST where it does not. */
function runTest(judged: readonly Judged[], random: () => number): number[] {
  const logs: number[] = [];
  let state = INITIAL_PAYEE_TEST;
  while (!state.ejected && logs.length <= LONGEST) {
    const { eValue, pValue } = judged[Math.floor(random() * judged.length)] as Judged;
    state = advancePayeeTest(state, { eValue, isReject: pValue <= FALSE_REJECTS[0] }, DECISION);
    logs.push(Math.log(computePayeeEvidence(state)));
  }
  return logs;
}

function countChecks(replies: readonly JudgedReply[], detector: Detector): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { stage1, plain, scored } of replies) {
    const judged = scored && detector.judge(scored.whole);
    const name = stage1 ?? plain ?? (judged && judged.pValue <= FALSE_REJECTS[0] ? 'likelihood' : 'nothing');
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** At every honest statistic from the top, thinned. */
function traceRoc(honest: readonly number[], cheats: readonly number[]): [number, number][] {
  const thresholds = [...honest].sort((a, b) => b - a);
  const points: [number, number][] = [];
  for (let i = 0; i < thresholds.length; i = Math.max(i + 1, Math.floor(i * 1.2))) {
    const limit = thresholds[i] as number;
    const caught = cheats.filter((value) => value > limit).length / cheats.length;
    points.push([(i + 1) / (honest.length + 1), caught]);
  }
  return points;
}

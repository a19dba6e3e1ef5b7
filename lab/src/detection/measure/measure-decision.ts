import { advancePayeeTest, computePayeeEvidence, INITIAL_PAYEE_TEST } from '@ogong/protocol/audit/payee-test';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { computeQuantile } from '@ogong/protocol/statistics/statistics';
import type { AttackRow, DetectionDecision } from '../results.ts';
import type { RankedReply } from './detector.ts';

/** Odds at which a provider counts as detected. */
const DECISION = 1e-6;
const ORDERS = 100;
const POINTS = 50;

type Evidence = Pick<RankedReply, 'eValue'>;

/** The payee's sequential test over replies of one window: tokens until it ejects, and the growth of evidence. */
export function measureWindowDecision(
  judged: readonly Evidence[],
  seed: number,
): Pick<AttackRow, 'tokensToDecide' | 'evidence'> {
  if (judged.length === 0) return { tokensToDecide: undefined, evidence: [] };
  const runs = runTests(judged, seed);
  const replies = toDecision(runs);
  const shown = replies?.median ?? judged.length;
  const points = Math.min(shown, POINTS);
  const evidence = Array.from({ length: points }, (_, i): [number, number] => {
    const at = Math.ceil(((i + 1) * shown) / points);
    const logs = runs.map((run) => run.logs[Math.min(at, run.logs.length) - 1] as number);
    return [WINDOW_TOKENS * at, computeQuantile(logs, 0.5)];
  });
  return {
    tokensToDecide: replies && {
      median: WINDOW_TOKENS * replies.median,
      p90: replies.p90 && WINDOW_TOKENS * replies.p90,
    },
    evidence,
  };
}

/** Replies until it ejects. */
export const measureDecision = (judged: readonly Evidence[], seed: number): DetectionDecision | undefined =>
  judged.length === 0 ? undefined : toDecision(runTests(judged, seed));

/** In many orders. */
function runTests(judged: readonly Evidence[], seed: number): readonly TestRun[] {
  const random = createSeededRandom(seed);
  return Array.from({ length: ORDERS }, () => runTest(shuffle(judged, random)));
}

interface TestRun {
  readonly isDecided: boolean;
  /** ln of the evidence after each reply, up to the deciding one. */
  readonly logs: readonly number[];
}

/** Takes each reply once. Repeating replies would turn the chance of a few into evidence. */
function runTest(judged: readonly Evidence[]): TestRun {
  const logs: number[] = [];
  let state = INITIAL_PAYEE_TEST;
  for (const { eValue } of judged) {
    state = advancePayeeTest(state, { eValue, isReject: false }, DECISION);
    logs.push(Math.log(computePayeeEvidence(state)));
    if (state.ejected) break;
  }
  return { isDecided: state.ejected, logs };
}

function toDecision(runs: readonly TestRun[]): DetectionDecision | undefined {
  const never = Number.POSITIVE_INFINITY;
  const lengths = runs.map(({ isDecided, logs }) => (isDecided ? logs.length : never)).sort((a, b) => a - b);
  // No interpolation, because an order that never decides has no number of tokens.
  const quantile = (q: number): number => lengths[Math.ceil(q * lengths.length) - 1] as number;
  const [median, p90] = [quantile(0.5), quantile(0.9)];
  return median === never ? undefined : { median, p90: p90 === never ? undefined : p90 };
}

/** Fisher-Yates shuffle. */
function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
  }
  return shuffled;
}

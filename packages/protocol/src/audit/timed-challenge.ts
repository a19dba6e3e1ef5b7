import { advanceSequentialTest, type SequentialTestParameters, type SequentialTestState } from '../statistics/sprt.ts';

/**
 * The load of timed challenges. They show whether each key has a device of its own (docs/spec/timed-challenge.md). Each key
 * receives work of a known size at unpredictable moments, with a deadline. One device behind several keys has the work of all
 * of them.
 * Source: whitepaper section 5, Proposition 6.
 */
export interface ChallengeLoad {
  /** F: operations that a device makes per second, besides the replies that it serves. */
  readonly throughput: number;
  /** W: operations of one challenge. */
  readonly work: number;
  /** lambda: challenges of one key per second. */
  readonly perSecond: number;
}

/**
 * Computes the largest number of keys that a device can serve without missing ever more deadlines: floor(F / (lambda W)).
 * @internal for those who set the rates; no daemon computes it
 * @throws RangeError on a value that is not above 0.
 */
export function computeIdentityBound({ throughput, work, perSecond }: ChallengeLoad): number {
  for (const value of [throughput, work, perSecond]) {
    if (!(value > 0 && value < Number.POSITIVE_INFINITY))
      throw new RangeError(`not a rate or an amount of work: ${value}`);
  }
  return Math.floor(throughput / (perSecond * work));
}

/**
 * The test of a key. The deadline is four times the work. An honest device that spends a fifth of its time on challenges misses
 * fewer than one in fifty. A device with twice the work that it can do misses half.
 */
const TIMED_TEST: SequentialTestParameters = { soundness: 0.5, falsePositiveRate: 0.02, beta: 1e-6 };
/** The deadline, as a multiple of the work's time on one device of the slowest kind that may take part. */
export const DEADLINE_FACTOR = 4;
/** Allowance for the round trip, independent of the work. */
const ROUND_TRIP_MS = 1_000;
const LONGEST_DEADLINE_MS = 600_000;

/**
 * Computes T, the time limit of an answer.
 * @param tokens of prompts and replies that are scored.
 * @param tokensPerSecond of the slowest device that may take part.
 * @returns ms, at most ten minutes.
 * @throws RangeError on a value that is not above 0.
 */
export function computeTimedDeadline({
  tokens,
  tokensPerSecond,
}: {
  readonly tokens: number;
  readonly tokensPerSecond: number;
}): number {
  for (const value of [tokens, tokensPerSecond]) {
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) throw new RangeError(`not a rate or an amount: ${value}`);
  }
  const workMs = (1_000 * tokens) / tokensPerSecond;
  return Math.min(LONGEST_DEADLINE_MS, ROUND_TRIP_MS + Math.ceil(DEADLINE_FACTOR * workMs));
}

/**
 * Returns the test of a key after one more challenge. A wrong answer is a miss, however early it comes.
 * @internal no daemon stores a key's whole life: routers use the share of misses in the reports
 * @param tookMs undefined if no answer came.
 */
export function advanceTimedTest(
  state: SequentialTestState,
  {
    tookMs,
    deadlineMs,
    isRight,
  }: { readonly tookMs: number | undefined; readonly deadlineMs: number; readonly isRight: boolean },
): SequentialTestState {
  const isMet = isRight && tookMs !== undefined && tookMs <= deadlineMs;
  return advanceSequentialTest(state, isMet ? 'accept' : 'reject', TIMED_TEST);
}

import { advanceSequentialTest, type SequentialTestParameters, type SequentialTestState } from '../statistics/sprt.ts';

/**
 * Whether each key has a device of its own (docs/spec/timed-challenge.md): each is given work of a known size at moments that nobody can
 * foresee, with a deadline. One device that stands behind several keys has the work of all of them.
 * Source: whitepaper section 5, Proposition 6.
 */
export interface ChallengeLoad {
  /** F: operations that a device makes in a second, beside what it serves. */
  readonly throughput: number;
  /** W: operations of one challenge. */
  readonly work: number;
  /** lambda: challenges of one key in a second. */
  readonly perSecond: number;
}

/**
 * The largest number of keys that a device can answer for without missing ever more deadlines: floor(F / (lambda W)).
 * @internal whoever sets rates computes it; no daemon does
 * @throws RangeError on what is not above 0.
 */
export function computeIdentityBound({ throughput, work, perSecond }: ChallengeLoad): number {
  for (const value of [throughput, work, perSecond]) {
    if (!(value > 0 && value < Number.POSITIVE_INFINITY))
      throw new RangeError(`not a rate or an amount of work: ${value}`);
  }
  return Math.floor(throughput / (perSecond * work));
}

/**
 * An honest device that has a fifth of its time for challenges misses fewer than one in fifty with a deadline of four times the work.
 * One with twice the work that it can do misses half.
 */
const TIMED_TEST: SequentialTestParameters = { soundness: 0.5, falsePositiveRate: 0.02, beta: 1e-6 };
/** The deadline, as a multiple of the time that the work takes on one device of the slowest kind that may take part. */
export const DEADLINE_FACTOR = 4;
/** For the way there and back, whatever the work. */
const ROUND_TRIP_MS = 1_000;
const LONGEST_DEADLINE_MS = 600_000;

/**
 * T: how long an answer may take.
 * @param tokens of prompts and replies that are scored. @param tokensPerSecond of the slowest device that may take part.
 * @returns ms, at most ten minutes.
 * @throws RangeError on what is not above 0.
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
 * The test of a key after one more challenge. A wrong answer is a miss, however early it comes.
 * @internal no daemon remembers a key's whole life: routers go by the share missed in the reports
 * @param tookMs undefined where no answer came.
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

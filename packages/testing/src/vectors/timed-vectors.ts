import { advanceTimedTest, computeIdentityBound } from '@ogong/protocol/audit/timed-challenge';
import { INITIAL_SEQUENTIAL_TEST } from '@ogong/protocol/statistics/sprt';

interface TimedAnswer {
  readonly tookMs: number | null;
  readonly isRight: boolean;
}

const right = (tookMs: number | null): TimedAnswer => ({ tookMs, isRight: true });

/** Bounds of keys for a device, and tests of keys under a deadline of 4,000 ms. */
export function createTimedVectors(): unknown {
  const bounds = [
    { throughput: 100, work: 50, perSecond: 0.1 },
    { throughput: 100, work: 100, perSecond: 0.2 },
    { throughput: 100, work: 101, perSecond: 1 },
    { throughput: 3e14, work: 2e12, perSecond: 0.003 },
  ].map((load) => ({ ...load, bound: computeIdentityBound(load) }));
  const tests = [
    [right(1_000), right(4_000)],
    [right(4_001)],
    [right(null), { tookMs: 10, isRight: false }, right(9_000), right(9_000), right(9_000), right(9_000)],
    [right(10), right(9_000), right(10), right(9_000), right(10), right(9_000)],
  ].map((answers) => {
    const state = answers.reduce(
      (before, { tookMs, isRight }) =>
        advanceTimedTest(before, { tookMs: tookMs ?? undefined, isRight, deadlineMs: 4_000 }),
      INITIAL_SEQUENTIAL_TEST,
    );
    return { answers, evidence: state.evidence, ejected: state.ejected };
  });
  return { bounds, tests };
}

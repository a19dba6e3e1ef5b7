import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { advanceTimedTest, computeIdentityBound } from '@ogong/protocol/audit/timed-challenge';
import { computeRefereePlace, writeTimedWork } from '@ogong/protocol/audit/timed-work';
import { toHex } from '@ogong/protocol/base/bytes';
import { INITIAL_SEQUENTIAL_TEST } from '@ogong/protocol/statistics/sprt';

interface TimedAnswer {
  readonly tookMs: number | null;
  readonly isRight: boolean;
}

const right = (tookMs: number | null): TimedAnswer => ({ tookMs, isRight: true });

/** Texts that the beacon writes, each with the place of a referee. */
function createWorks(): readonly unknown[] {
  const [zero, counted] = [new Uint8Array(64), Uint8Array.from({ length: 64 }, (_, i) => i)];
  const providerId = new Uint8Array(32).fill(0x5a);
  return [
    { output: zero, subject: zero, arrival: 0, part: 0, vocabularySize: 2 },
    { output: counted, subject: zero, arrival: 0, part: 0, vocabularySize: 320 },
    { output: counted, subject: counted, arrival: 15, part: 3, vocabularySize: 151_936 },
    { output: zero, subject: counted, arrival: 255, part: 1, vocabularySize: 2 ** 24 },
  ].map((of) => {
    const { prompt, sketchBankSeed, outputTokens } = writeTimedWork(crypto, of);
    return {
      ...{ ...of, output: toHex(of.output), subject: toHex(of.subject), prompt },
      ...{ sketchBankSeed: toHex(sketchBankSeed), outputTokens: [...outputTokens] },
      referee: { providerId: toHex(providerId), place: toHex(computeRefereePlace(crypto, of, providerId)) },
    };
  });
}

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
  return { bounds, tests, works: createWorks() };
}

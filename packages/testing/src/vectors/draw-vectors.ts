import { computeLivenessPpm, type Sighting, updateCredit } from '@ogong/protocol/audit/liveness';
import { computeDrawInput, DRAW_KINDS, drawArrivals } from '@ogong/protocol/audit/secret-draw';
import { computeSubject, encodeTestReport, type TestReport } from '@ogong/protocol/audit/test-report';
import { concatBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeVrfPublicKey, proveVrf } from '@ogong/protocol/crypto/vrf';
import { computeWeightedMedian } from '@ogong/protocol/statistics/weighted-median';

/** Draws of tests, one report, and the outcomes of reports. */
export function createDrawVectors(crypto: Crypto): unknown {
  const seed = crypto.sha256(utf8Encode('secret draw'));
  const name = (text: string): Uint8Array => crypto.sha256(utf8Encode(text));
  const subject = computeSubject({ providerId: name('provider'), modelRoot: name('root') });
  const draws = DRAW_KINDS.flatMap((kind) =>
    [1n, 2n, 900n].map((epoch) => {
      const beacon = name(`beacon ${epoch}`);
      const input = computeDrawInput(crypto, { kind, epoch, beacon });
      const proof = proveVrf(seed, input);
      const output = crypto.verifyVrf(computeVrfPublicKey(seed), input, proof) as Uint8Array;
      const arrivals = [50_000, 1_000_000, 4_000_000].map((meanPpm) => ({
        meanPpm,
        arrivals: drawArrivals(crypto, output, { subject, meanPpm }),
      }));
      const hex = { beacon: toHex(beacon), input: toHex(input), proof: toHex(proof), output: toHex(output) };
      return { kind, epoch: Number(epoch), ...hex, arrivals };
    }),
  );
  const report: TestReport = {
    chainId: 31_337n,
    validator: name('validator').slice(0, 20),
    kind: 'canary',
    draws: [{ epoch: 2n, proof: concatBytes(name('gamma'), name('rest'), name('more')).slice(0, 80) }],
    tests: [
      { epoch: 2n, providerId: name('provider'), modelRoot: name('root'), arrival: 0, isMissed: false },
      { epoch: 2n, providerId: name('provider'), modelRoot: name('root'), arrival: 1, isMissed: true },
    ],
  };
  const said = (weight: bigint, asked: number, missed: number): Sighting => ({ weight, asked, missed });
  const liveness = [
    { allWeight: 10n, sightings: [] },
    { allWeight: 10n, sightings: [said(5n, 10, 10)] },
    { allWeight: 10n, sightings: [said(6n, 10, 10)] },
    { allWeight: 10n, sightings: [said(4n, 10, 10), said(3n, 10, 1), said(3n, 9, 3)] },
    { allWeight: 10n, sightings: [said(10n, 2, 2)] },
  ].map(({ allWeight, sightings }) => ({
    allWeight: Number(allWeight),
    sightings: sightings.map(({ weight, ...rest }) => ({ weight: Number(weight), ...rest })),
    livenessPpm: computeLivenessPpm(sightings, allWeight),
  }));
  const far = { missedPpm: 900_000, medianPpm: 100_000 };
  const near = { missedPpm: 300_000, medianPpm: 100_000 };
  const credits = [
    { creditPpm: 1_000_000, reports: [far] },
    { creditPpm: 20_000, reports: [far, far, near] },
    { creditPpm: 500_000, reports: [far, near] },
    { creditPpm: 950_000, reports: [near] },
    { creditPpm: 500_000, reports: [] },
  ].map((given) => ({ ...given, after: updateCredit(given.creditPpm, given.reports) }));
  const medians = [
    [],
    [[5, 1]],
    [
      [5, 1],
      [9, 1],
    ],
    [
      [5, 1],
      [9, 2],
      [100, 1],
    ],
    [
      [5, 0],
      [7, 3],
    ],
  ].map((figures) => ({
    figures,
    median:
      computeWeightedMedian(
        figures.map(([value, weight]) => ({ value: value as number, weight: BigInt(weight as number) })),
      ) ?? null,
  }));
  return {
    vrfKey: toHex(computeVrfPublicKey(seed)),
    subject: toHex(subject),
    draws,
    report: toHex(encodeTestReport(report)),
    liveness,
    credits,
    medians,
  };
}

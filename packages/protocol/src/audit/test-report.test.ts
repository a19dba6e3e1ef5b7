import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/secret-draw.json' with { type: 'json' };
import { fromHex, toHex, utf8Encode } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { computeVrfPublicKey, proveVrf } from '../crypto/vrf.ts';
import { computeDrawInput, drawArrivals } from './secret-draw.ts';
import {
  computeSubject,
  countTests,
  encodeTestReport,
  parseTestReport,
  type Test,
  type TestReport,
  verifyTestReport,
} from './test-report.ts';

const seed = new Uint8Array(32).fill(7);
const address = new Uint8Array(20).fill(1);
const vrfKey = computeVrfPublicKey(seed);
const beaconOf = (epoch: bigint): Uint8Array | undefined =>
  epoch > 900n ? undefined : crypto.sha256(utf8Encode(`beacon ${epoch}`));
const provider = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const modelRoot = new Uint8Array(32).fill(99);
const MEAN_PPM = 50_000;

/** Two epochs, twenty providers: all tests that were drawn. */
function createReport(): TestReport {
  const draws: { epoch: bigint; proof: Uint8Array }[] = [];
  const tests: Test[] = [];
  for (let epoch = 1n; draws.length < 2; epoch++) {
    const input = computeDrawInput(crypto, { kind: 'canary', epoch, beacon: beaconOf(epoch)! });
    const proof = proveVrf(seed, input);
    const output = crypto.verifyVrf(vrfKey, input, proof)!;
    const drawn = Array.from({ length: 20 }, (_, n) => provider(n)).flatMap((providerId) =>
      drawArrivals(crypto, output, {
        subject: computeSubject({ providerId, modelRoot }),
        meanPpm: MEAN_PPM,
      }).map((_, arrival) => ({ epoch, providerId, modelRoot, arrival, isMissed: providerId[0]! % 2 === 0 })),
    );
    if (drawn.length === 0) continue;
    draws.push({ epoch, proof });
    tests.push(...drawn);
  }
  return { chainId: 31_337n, validator: address, kind: 'canary', draws, tests };
}
const terms = {
  chainId: 31_337n,
  kind: 'canary',
  validator: { address, vrfKey },
  beaconOf,
  greatestPpm: MEAN_PPM,
} as const;
const failed = (report: TestReport, given: Partial<Parameters<typeof verifyTestReport>[2]> = {}): readonly string[] => {
  const { checks, tests } = verifyTestReport(crypto, report, { ...terms, ...given });
  const ids = checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  expect(tests.length > 0).toBe(ids.length === 0);
  return ids;
};

describe('a report of tests', () => {
  it('is read as it was written, and counted', () => {
    const report = createReport();
    expect(parseTestReport(encodeTestReport(report))).toEqual(report);
    expect(failed(report)).toEqual([]);
    const counts = [...countTests(report.tests)];
    expect(counts.reduce((sum, [, { asked }]) => sum + asked, 0)).toBe(report.tests.length);
    for (const [name, { asked, missed }] of counts) expect(missed).toBe(fromHex(name)[0]! % 2 === 0 ? asked : 0);
    expect(toHex(encodeTestReport(parseTestReport(fromHex(vectors.report))))).toBe(vectors.report);
  });

  it('counts nothing if one test was not drawn', () => {
    const report = createReport();
    const drawn = report.tests.map(({ providerId }) => providerId[0]);
    const other = provider(Array.from({ length: 20 }, (_, n) => n).find((n) => !drawn.includes(n))!);
    const tests = [{ ...report.tests[0]!, providerId: other }];
    expect(failed({ ...report, tests })).toEqual(['tests']);
    expect(failed({ ...report, tests: [{ ...report.tests[0]!, arrival: 5 }] })).toEqual(['tests']);
    expect(failed({ ...report, tests: [{ ...report.tests[0]!, modelRoot: provider(1) }] })).toEqual(['tests']);
    // A test of an epoch without a proof.
    expect(failed({ ...report, draws: report.draws.slice(1) })).toEqual(['tests']);
  });

  it('may be drawn at a lower rate than the greatest, and at no higher one', () => {
    const report = createReport();
    expect(failed(report, { greatestPpm: 4_000_000 })).toEqual([]);
    expect(failed(report, { greatestPpm: 100 })).toEqual(['tests']);
    expect(failed(report, { greatestPpm: 0 })).toEqual(['tests']);
  });

  it('is of the validator whose key drew it, by the certified beacon', () => {
    const report = createReport();
    const { draws } = report;
    const proofs = draws.map(({ epoch, proof }) => ({
      epoch,
      proof: proof.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
    }));
    expect(failed({ ...report, draws: proofs })).toContain('draws');
    expect(failed(report, { validator: { address, vrfKey: computeVrfPublicKey(new Uint8Array(32)) } })).toContain(
      'draws',
    );
    expect(failed(report, { beaconOf: () => new Uint8Array(32) })).toContain('draws');
    expect(failed(report, { beaconOf: () => undefined })).toContain('draws');
    expect(failed(report, { validator: { address: new Uint8Array(20), vrfKey } })).toEqual(['reporter']);
    expect(failed(report, { chainId: 1n })).toEqual(['reporter']);
    // A draw of the other kind chooses other providers.
    expect(failed({ ...report, kind: 'timed' })).toContain('reporter');
    expect(failed({ ...report, kind: 'timed' }, { kind: 'timed' })).toContain('draws');
  });

  it('has each test once, in order', () => {
    const report = createReport();
    const twice = { ...report, tests: [report.tests[0]!, report.tests[0]!] };
    expect(() => encodeTestReport(twice)).toThrow();
    const bytes = encodeTestReport(report);
    expect(() => parseTestReport(bytes.slice(0, -1))).toThrow();
    expect(() => parseTestReport(Uint8Array.of(...bytes, 0))).toThrow();
  });
});

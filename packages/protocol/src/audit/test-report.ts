import { compareBytes, concatBytes, equalBytes, toHex } from '../base/bytes.ts';
import { type Check, fail, isOk, pass } from '../base/checks.ts';
import {
  address,
  bytes,
  type CodecType,
  createFormat,
  flag,
  hash,
  list,
  oneOf,
  struct,
  u8,
  u16,
  u64,
  within,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { VRF_PROOF_BYTES } from '../crypto/vrf.ts';
import { computeDrawInput, DRAW_KINDS, type DrawKind, drawArrivals, MAX_ARRIVALS } from './secret-draw.ts';

/** The most epochs in one report. */
export const MAX_REPORT_EPOCHS = 64;
export const MAX_REPORT_TESTS = 4_096;

const testCodec = struct({
  epoch: u64,
  providerId: hash,
  /** Root of the requested weights. */
  modelRoot: hash,
  /** Index of the test among the subject's tests in that epoch. */
  arrival: within(u8, 0, MAX_ARRIVALS - 1),
  isMissed: flag,
});

/** One test and its result. */
export interface Test extends CodecType<typeof testCodec> {}

const reportCodec = struct({
  chainId: u64,
  validator: address,
  kind: oneOf(DRAW_KINDS),
  /** The draws of all epochs with a test. */
  draws: list(struct({ epoch: u64, proof: bytes(VRF_PROOF_BYTES) }), {
    count: u16,
    max: MAX_REPORT_EPOCHS,
    ascending: (a, b) => compareEpochs(a.epoch, b.epoch),
  }),
  tests: list<Test>(testCodec, { count: u16, max: MAX_REPORT_TESTS, ascending: compareTests }),
});

/**
 * A validator's report about the providers that it tested. It proves that the validator had to test them. The results are the
 * validator's own statement.
 */
export interface TestReport extends CodecType<typeof reportCodec> {}

const reportFormat = createFormat(reportCodec, { tag: 'ogong-test-report-v1' });

export const encodeTestReport: (report: TestReport) => Uint8Array = reportFormat.encode;
/** @throws ProtocolError */
export const parseTestReport: (bytes: Uint8Array) => TestReport = reportFormat.decode;

const compareEpochs = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** Compares two tests by their order in a report. */
export function compareTests(a: Test, b: Test): number {
  return compareEpochs(a.epoch, b.epoch) || compareBytes(computeSubject(a), computeSubject(b)) || a.arrival - b.arrival;
}

/** Computes the subject of a draw, 64 bytes. */
export function computeSubject({ providerId, modelRoot }: Pick<Test, 'providerId' | 'modelRoot'>): Uint8Array {
  return concatBytes(providerId, modelRoot);
}

export interface TestReportTerms {
  readonly chainId: bigint;
  readonly kind: DrawKind;
  /** The validator that must have made the report. */
  readonly validator: { readonly address: Uint8Array; readonly vrfKey: Uint8Array };
  /** Certified values, 32 bytes; undefined for an unknown epoch. */
  readonly beaconOf: (epoch: bigint) => Uint8Array | undefined;
  /**
   * The network's greatest average number of tests of one subject in an epoch, while these tests were drawn; parts per million.
   * A validator with a lower rate draws a part of the same tests. Other tests do not count, so a validator cannot test a
   * provider more often at will.
   */
  readonly greatestPpm: number;
}

/**
 * Recomputes all draws of a report. A single test that was not drawn invalidates the whole report, because its validator chose
 * that test.
 * @returns the tests; none unless each check passes.
 */
export function verifyTestReport(
  crypto: Crypto,
  report: TestReport,
  terms: TestReportTerms,
): { readonly checks: readonly Check[]; readonly tests: readonly Test[] } {
  const outputs = new Map<bigint, Uint8Array>();
  const checks = [
    checkSubject(report, terms),
    checkDraws(crypto, report, terms, outputs),
    checkTests(crypto, report, outputs, terms.greatestPpm),
  ];
  return { checks, tests: isOk(checks) ? report.tests : [] };
}

function checkSubject({ chainId, validator, kind }: TestReport, terms: TestReportTerms): Check {
  const isRight = chainId === terms.chainId && kind === terms.kind && equalBytes(validator, terms.validator.address);
  return isRight
    ? pass('reporter', 'the report is of this validator and network')
    : fail('reporter', 'the report is of another validator, network or kind of test');
}

function checkDraws(
  crypto: Crypto,
  { draws, kind }: TestReport,
  { validator, beaconOf }: TestReportTerms,
  outputs: Map<bigint, Uint8Array>,
): Check {
  for (const { epoch, proof } of draws) {
    const beacon = beaconOf(epoch);
    if (beacon === undefined) return fail('draws', `no beacon of epoch ${epoch} is known`);
    const output = crypto.verifyVrf(validator.vrfKey, computeDrawInput(crypto, { kind, epoch, beacon }), proof);
    if (output === undefined) return fail('draws', `the draw of epoch ${epoch} is not of this validator's key`);
    outputs.set(epoch, output);
  }
  return pass('draws', `${draws.length} draws are those of their beacons`);
}

function checkTests(
  crypto: Crypto,
  { tests }: TestReport,
  outputs: ReadonlyMap<bigint, Uint8Array>,
  greatestPpm: number,
): Check {
  for (const test of tests) {
    const output = outputs.get(test.epoch);
    const subject = computeSubject(test);
    const drawn =
      greatestPpm === 0 ? undefined : output && drawArrivals(crypto, output, { subject, meanPpm: greatestPpm });
    if (drawn === undefined || test.arrival >= drawn.length) {
      return fail('tests', `${toHex(test.providerId)} was not drawn in epoch ${test.epoch}`);
    }
  }
  return pass('tests', `${tests.length} tests were drawn`);
}

/** Counts the tests of each provider and those that it missed, by the hex of its id. */
export function countTests(
  tests: readonly Test[],
): ReadonlyMap<string, { readonly asked: number; readonly missed: number }> {
  const counts = new Map<string, { asked: number; missed: number }>();
  for (const { providerId, isMissed } of tests) {
    const name = toHex(providerId);
    const { asked, missed } = counts.get(name) ?? { asked: 0, missed: 0 };
    counts.set(name, { asked: asked + 1, missed: missed + (isMissed ? 1 : 0) });
  }
  return counts;
}

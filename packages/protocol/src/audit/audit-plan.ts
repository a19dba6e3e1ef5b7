import { computeLog } from '../base/elementary.ts';
import { PPM } from '../exchange/reputation.ts';
import type { DriftRow } from '../modality/text/drift/drift-table.ts';
import { POWER_RATES } from '../modality/text/drift/drift-table.ts';
import { computeMedian, computeWilsonInterval } from '../statistics/statistics.ts';

/**
 * The stakes of an audit. They say what an audit is worth, and where audits go. Honest play is a best response if and only if
 * alpha (s - eps) >= saving / (fee + franchise). Here alpha is the coverage and s - eps the margin of the check. The right side
 * is the cheat's saving, relative to its possible loss. Money is in atomic units and rates in parts per million. All are
 * integers, so that co-signers compute the same coverage.
 * Source: whitepaper section 4.1, Proposition 1; 4.2, Remark 2.
 */
export interface Stakes {
  /** s: P(reject | this cheat). */
  readonly soundnessPpm: number;
  /** eps: P(reject | honest). */
  readonly falsePositivePpm: number;
  /** p: forfeited on a reject. */
  readonly feeAtomic: bigint;
  /** Phi: loss by an ejection besides the fee; 0 if only the fee deters. */
  readonly franchiseAtomic: bigint;
}

/**
 * Computes the least coverage that makes a saving not worth it, rounded up.
 * @returns ppm; undefined if no coverage does.
 * @throws RangeError on a rate outside 0..1,000,000 or a negative amount.
 */
export function computeDeterringCoverage(stakes: Stakes, savingAtomic: bigint): number | undefined {
  const { margin, loss } = weigh(stakes);
  if (savingAtomic < 0n) throw new RangeError(`a saving of ${savingAtomic}`);
  if (savingAtomic === 0n) return 0;
  if (margin <= 0n || loss <= 0n) return undefined;
  const coverage = divideUp(savingAtomic * BigInt(PPM) * BigInt(PPM), margin * loss);
  return coverage > BigInt(PPM) ? undefined : Number(coverage);
}

/** Computes the largest saving that a coverage deters, rounded down; 0 if the check has no margin. */
export function computeDeterredSaving(stakes: Stakes, coveragePpm: number): bigint {
  const { margin, loss } = weigh(stakes);
  assertPpm(coveragePpm);
  if (margin <= 0n) return 0n;
  return (BigInt(coveragePpm) * margin * loss) / (BigInt(PPM) * BigInt(PPM));
}

function weigh({ soundnessPpm, falsePositivePpm, feeAtomic, franchiseAtomic }: Stakes): {
  margin: bigint;
  loss: bigint;
} {
  assertPpm(soundnessPpm);
  assertPpm(falsePositivePpm);
  if (feeAtomic < 0n || franchiseAtomic < 0n) throw new RangeError('a negative amount');
  return { margin: BigInt(soundnessPpm) - BigInt(falsePositivePpm), loss: feeAtomic + franchiseAtomic };
}

function assertPpm(value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > PPM)
    throw new RangeError(`not a rate in parts per million: ${value}`);
}

const divideUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

export interface MeasuredSoundness {
  /** Name of the alternative. */
  readonly name: string;
  /** Lower 95 % limit of the share caught. */
  readonly soundnessPpm: number;
  /** The rate at which it was measured. */
  readonly falsePositivePpm: number;
}

/**
 * Returns s and eps of a row for each of its alternatives, at one of its rates.
 * @throws RangeError if the row was not measured at this rate.
 */
export function measureSoundness(row: Pick<DriftRow, 'power'>, rate: number): readonly MeasuredSoundness[] {
  const index = POWER_RATES.indexOf(rate);
  if (index < 0) throw new RangeError(`power is measured at ${POWER_RATES.join(', ')}, not at ${rate}`);
  return row.power
    .filter(({ replies }) => replies > 0)
    .map(({ name, replies, caught }) => ({
      name,
      soundnessPpm: Math.floor(computeWilsonInterval(caught[index] as number, replies).low * PPM),
      falsePositivePpm: Math.ceil(rate * PPM),
    }));
}

/** A reply that may be audited. Every holder of the epoch's records computes the same values. */
export interface AuditableReply {
  /** Tokens that a verifier has to run: prompt and output, at least 1. */
  readonly tokens: number;
  readonly feeAtomic: bigint;
  /** Name of the model: hex of its model root. Speeds are compared within a model. */
  readonly model: string;
  /** Output tokens per second, above 0. */
  readonly speed: number;
  /**
   * Deviation of the provider's speed in tests: computeSpeedZ among the tested providers of the model. The provider cannot slow
   * down for tests, because it does not recognise them. Default: 0, as if no provider was tested.
   */
  readonly testedZ?: number;
  /** Audits of its payee so far. */
  readonly payeeAudits: number;
  /** computePayeeEvidence of the payee, before this epoch. */
  readonly payeeEvidence: number;
}

export interface AuditBudget {
  /** The least coverage of a reply. */
  readonly basePpm: number;
  /** Expected tokens of all verifiers together. Base coverage is spent even beyond this budget. */
  readonly tokens: number;
}

/** The default of a validator's extra coverage for such reasons: an average, parts per million. */
export const DEFAULT_EXTRA_PPM = 10_000;

/** The robust z from which a speed is suspicious. Each further unit adds so many times base coverage. */
const SPEED_FROM = 3;
const SPEED_WEIGHT = 2;
/** Audits until an identity no longer counts as new. */
const NEW_AUDITS = 20;
const NEW_WEIGHT = 4;
const FEE_WEIGHT = 1;
const DOUBT_WEIGHT = 3;
/** The most that a single reason adds, in multiples of base coverage. */
const REASON_LIMIT = 20;

/**
 * Computes the extra coverage that a reply deserves, in multiples of base coverage. The reasons are: it is faster than its
 * peers, pays a new identity, is expensive, or pays a payee with evidence against it.
 * @returns at least 0.
 */
function computeReasons(reply: AuditableReply, peers: { speeds: readonly number[]; medianFee: number }): number {
  const bounded = (value: number): number => Math.min(Math.max(value, 0), REASON_LIMIT);
  return (
    bounded(SPEED_WEIGHT * (Math.max(computeSpeedZ(reply.speed, peers.speeds), reply.testedZ ?? 0) - SPEED_FROM)) +
    bounded((NEW_WEIGHT * (NEW_AUDITS - reply.payeeAudits)) / NEW_AUDITS) +
    bounded(peers.medianFee > 0 ? FEE_WEIGHT * (Number(reply.feeAtomic) / peers.medianFee - 1) : 0) +
    bounded(DOUBT_WEIGHT * computeLog(Math.max(reply.payeeEvidence, 1)))
  );
}

/** The fewest peers with a typical scatter. */
const MIN_PEERS = 5;
/** The least scatter that is assumed for honest speeds, ln. */
const SPEED_FLOOR = 0.05;

/**
 * Computes (x - median) / (1.4826 median |x - median|). Unlike mean and deviation, a few cheats do not move it.
 * @returns 0 with fewer than five peers.
 */
export function computeRobustZ(x: number, peers: readonly number[]): number {
  if (peers.length < MIN_PEERS) return 0;
  const median = computeMedian(peers);
  const deviation = computeMedian(peers.map((peer) => Math.abs(peer - median)));
  return (x - median) / Math.max(1.4826 * deviation, SPEED_FLOOR);
}

/** Computes the deviation of a speed from others, in robust deviations of their logarithms. All speeds are above 0. */
export const computeSpeedZ = (speed: number, peers: readonly number[]): number =>
  computeRobustZ(computeLog(speed), peers.map(computeLog));

/**
 * Computes the coverage of each reply of an epoch, in ppm, in the order of the input; isAudited takes it. Every reply gets at
 * least base coverage. The rest of the budget is spread in proportion to reasons. The result for a reply does not depend on the
 * order of the others.
 * @throws RangeError on a field out of range.
 */
export function planAudits(
  replies: readonly AuditableReply[],
  { basePpm, tokens: budget }: AuditBudget,
): readonly number[] {
  assertPpm(basePpm);
  if (!Number.isSafeInteger(budget) || budget < 0) throw new RangeError(`a budget of ${budget} tokens`);
  for (const reply of replies) assertReply(reply);
  const speeds = new Map<string, number[]>();
  for (const { model, speed } of replies) {
    const list = speeds.get(model);
    if (list) list.push(speed);
    else speeds.set(model, [speed]);
  }
  const medianFee = replies.length === 0 ? 0 : computeMedian(replies.map(({ feeAtomic }) => Number(feeAtomic)));
  const extras = replies.map((reply) => {
    const reasons = computeReasons(reply, { speeds: speeds.get(reply.model) as number[], medianFee });
    return Math.min(Math.floor(basePpm * reasons), PPM - basePpm);
  });
  const cost = (ppm: (index: number) => number): bigint =>
    replies.reduce((sum, { tokens }, i) => sum + BigInt(tokens) * BigInt(ppm(i)), 0n);
  const left = BigInt(budget) * BigInt(PPM) - cost(() => basePpm);
  const wanted = cost((i) => extras[i] as number);
  if (wanted === 0n || left <= 0n) return replies.map(() => basePpm);
  return extras.map((extra) => {
    const granted = left >= wanted ? BigInt(extra) : (BigInt(extra) * left) / wanted;
    return basePpm + Number(granted);
  });
}

function assertReply({ tokens, feeAtomic, speed, testedZ = 0, payeeAudits, payeeEvidence }: AuditableReply): void {
  if (!Number.isSafeInteger(tokens) || tokens < 1) throw new RangeError(`a reply of ${tokens} tokens`);
  if (feeAtomic < 0n) throw new RangeError(`a fee of ${feeAtomic}`);
  if (!(speed > 0 && speed < Number.POSITIVE_INFINITY)) throw new RangeError(`a speed of ${speed}`);
  if (!Number.isFinite(testedZ)) throw new RangeError(`a speed in tests of ${testedZ} deviations`);
  if (!Number.isSafeInteger(payeeAudits) || payeeAudits < 0) throw new RangeError(`${payeeAudits} audits`);
  if (!(payeeEvidence >= 0)) throw new RangeError(`evidence of ${payeeEvidence}`);
}

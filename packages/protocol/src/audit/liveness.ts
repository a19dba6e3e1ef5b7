import { PPM } from '../exchange/reputation.ts';
import { computeWeightedMedian } from '../statistics/weighted-median.ts';

/** One validator's report about a provider that it has tested. */
export interface Sighting {
  /** Stake of the validator times its credit: weighCredit. */
  readonly weight: bigint;
  readonly asked: number;
  readonly missed: number;
}

/** The fewest tests that count. One test says little, because the network between two machines fails too. */
const LEAST_ASKED = 3;
/** The least liveness. A provider that answers nobody keeps it, because it must be drawn to show that it is back. */
const LEAST_LIVENESS_PPM = 62_500;

/**
 * Computes the factor of a provider's routing weight: its share of tests without a miss, as the stake-weighted median of
 * validators. Validators without a report count as having seen no miss. So validators with less than half of all stake cannot
 * lower the factor.
 * @param allWeight weight of all validators, including those without a report.
 * @returns 62,500..1,000,000 parts per million.
 * @throws RangeError on invalid counts.
 */
export function computeLivenessPpm(sightings: readonly Sighting[], allWeight: bigint): number {
  const figures = sightings
    .filter(isTested)
    .map(({ weight, ...counts }) => ({ weight, value: computeMissedPpm(counts) }));
  const heard = figures.reduce((sum, { weight }) => sum + weight, 0n);
  const silent = { value: 0, weight: allWeight > heard ? allWeight - heard : 0n };
  const missed = computeWeightedMedian([...figures, silent]) ?? 0;
  return Math.max(LEAST_LIVENESS_PPM, PPM - missed);
}

/** Returns whether a validator has tested a provider often enough for its report to count. */
function isTested({ asked }: Pick<Sighting, 'asked'>): boolean {
  return asked >= LEAST_ASKED;
}

/**
 * Returns a reporter's own figure, and the median of the validators that have tested the provider. Silence is no finding, so
 * validators without a report do not count here.
 * @param allStake stake of all validators.
 * @returns undefined if the reporter has too few tests of the provider, or only a minority of the stake has tested it.
 */
export function compareSightings(
  own: Pick<Sighting, 'asked' | 'missed'>,
  sightings: readonly (Sighting & { readonly stake: bigint })[],
  allStake: bigint,
): { readonly missedPpm: number; readonly medianPpm: number } | undefined {
  const counted = sightings.filter(isTested);
  const heard = counted.reduce((sum, { stake }) => sum + stake, 0n);
  if (!isTested(own) || 2n * heard <= allStake) return undefined;
  const median = computeWeightedMedian(counted.map((one) => ({ weight: one.weight, value: computeMissedPpm(one) })));
  return median === undefined ? undefined : { missedPpm: computeMissedPpm(own), medianPpm: median };
}

/** @returns parts per million, floored. */
function computeMissedPpm({ asked, missed }: Pick<Sighting, 'asked' | 'missed'>): number {
  if (!Number.isSafeInteger(asked) || !Number.isSafeInteger(missed) || missed < 0 || missed > asked) {
    throw new RangeError(`not ${missed} of ${asked} tests`);
  }
  return Math.floor((missed * PPM) / asked);
}

/** The distance from the median of all at which a reporter is far from it. */
const FAR_PPM = 250_000;
const LEAST_CREDIT_PPM = 15_625;
const REGAINED_PPM = 125_000;

/**
 * Computes a reporter's next credit. Figures far from the median halve it; other figures add an eighth of the whole.
 * @param reports the reporter's figure and the median, for each provider that it tested.
 */
export function updateCredit(
  creditPpm: number,
  reports: readonly { readonly missedPpm: number; readonly medianPpm: number }[],
): number {
  if (reports.length === 0) return creditPpm;
  const far = reports.filter(({ missedPpm, medianPpm }) => Math.abs(missedPpm - medianPpm) > FAR_PPM).length;
  // One provider may be unreachable for one validator alone.
  return 2 * far > reports.length
    ? Math.max(LEAST_CREDIT_PPM, Math.floor(creditPpm / 2))
    : Math.min(PPM, creditPpm + REGAINED_PPM);
}

/** Returns stake times credit. */
export function weighCredit(stake: bigint, creditPpm: number): bigint {
  return (stake * BigInt(creditPpm)) / BigInt(PPM);
}

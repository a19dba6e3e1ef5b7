import { PPM } from '../exchange/reputation.ts';
import { computeWeightedMedian } from '../statistics/weighted-median.ts';

/** What one validator says about a provider that it has tested. */
export interface Sighting {
  /** Its stake, by its credit: weighCredit. */
  readonly weight: bigint;
  readonly asked: number;
  readonly missed: number;
}

/** One test says little: the network between two machines fails, too. */
const LEAST_ASKED = 3;
/** A provider that answers nobody keeps so much: it has to be drawn to show that it is back. */
const LEAST_LIVENESS_PPM = 62_500;

/**
 * What a provider's routing weight is multiplied by: the share of tests that it did not miss, by the median of validators, as their
 * stake weighs. Validators that say nothing count as having seen no miss, so validators with less than half of all stake lower nobody.
 * @param allWeight of all validators, those that say nothing included.
 * @returns 62,500..1,000,000 parts per million.
 * @throws RangeError on counts that are none.
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

/** Whether a validator has tested a provider often enough for its word to count. */
function isTested({ asked }: Pick<Sighting, 'asked'>): boolean {
  return asked >= LEAST_ASKED;
}

/**
 * What a reporter is held against: its own figure, and the median of those who have tested the provider. Silence is no finding, so whoever
 * says nothing does not count here.
 * @param allStake of all validators.
 * @returns undefined where the reporter has tested the provider too seldom, or nobody but a minority of the stake has tested it.
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

/** A reporter this far from the median of all is far from it. */
const FAR_PPM = 250_000;
const LEAST_CREDIT_PPM = 15_625;
const REGAINED_PPM = 125_000;

/**
 * What a reporter counts next time: half after figures that are far from the median, an eighth of the whole more after others.
 * @param reports its figure and the median, for each provider that it tested.
 */
export function updateCredit(
  creditPpm: number,
  reports: readonly { readonly missedPpm: number; readonly medianPpm: number }[],
): number {
  if (reports.length === 0) return creditPpm;
  const far = reports.filter(({ missedPpm, medianPpm }) => Math.abs(missedPpm - medianPpm) > FAR_PPM).length;
  // One provider may be cut off from one validator alone.
  return 2 * far > reports.length
    ? Math.max(LEAST_CREDIT_PPM, Math.floor(creditPpm / 2))
    : Math.min(PPM, creditPpm + REGAINED_PPM);
}

/** Stake by credit. */
export function weighCredit(stake: bigint, creditPpm: number): bigint {
  return (stake * BigInt(creditPpm)) / BigInt(PPM);
}

/** One reported figure with its reporter's weight. */
export interface WeightedFigure {
  readonly value: number;
  /** At least 0. */
  readonly weight: bigint;
}

/**
 * Computes the lower weighted median: the least value at which the values at or below it have half of all weight. Reporters
 * with less than half of the weight cannot move it outside the figures of the others.
 * @returns undefined if nobody has weight.
 * @throws RangeError on a negative weight or NaN.
 */
export function computeWeightedMedian(figures: readonly WeightedFigure[]): number | undefined {
  for (const { value, weight } of figures) {
    if (Number.isNaN(value) || weight < 0n) throw new RangeError(`not a weighted figure: ${value}, ${weight}`);
  }
  const total = figures.reduce((sum, { weight }) => sum + weight, 0n);
  let below = 0n;
  for (const { value, weight } of figures.filter((one) => one.weight > 0n).sort((a, b) => a.value - b.value)) {
    below += weight;
    if (2n * below >= total) return value;
  }
  return undefined;
}

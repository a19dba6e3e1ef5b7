/** One reported figure, and what its reporter weighs. */
export interface WeightedFigure {
  readonly value: number;
  /** At least 0. */
  readonly weight: bigint;
}

/**
 * The lower weighted median: the least value at which those at or below it have half of all weight. Reporters with less than half of
 * the weight cannot move it outside what the others report.
 * @returns undefined where nobody has weight.
 * @throws RangeError on a negative weight or a value that is no number.
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

/** Items of one span of time. */
export interface Bucket<T> {
  readonly fromMs: number;
  readonly items: readonly T[];
}

export interface Series<T> {
  /** Length of each span. */
  readonly stepMs: number;
  /** Ascending and without gaps: a span without items is empty. */
  readonly buckets: readonly Bucket<T>[];
}

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
/** Lengths that a person reads easily. */
const STEPS = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY];
const MOST_BUCKETS = 24;

/** Groups items by time, in at most 24 spans of a round length. */
export function groupByTime<T>(items: readonly T[], timeOf: (item: T) => number): Series<T> {
  const times = items.map(timeOf);
  if (times.length === 0) return { stepMs: MINUTE, buckets: [] };
  const [first, last] = [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))];
  const countOf = (stepMs: number): number => Math.floor(last / stepMs) - Math.floor(first / stepMs) + 1;
  const longest = 30 * DAY;
  const stepMs =
    STEPS.find((one) => countOf(one) <= MOST_BUCKETS) ?? longest * Math.ceil(countOf(longest) / (MOST_BUCKETS - 1));
  const start = Math.floor(first / stepMs);
  const groups = Map.groupBy(items, (item) => Math.floor(timeOf(item) / stepMs));
  return {
    stepMs,
    buckets: Array.from({ length: countOf(stepMs) }, (_, i) => ({
      fromMs: (start + i) * stepMs,
      items: groups.get(start + i) ?? [],
    })),
  };
}

/** The middle value, or the mean of the two middle values; undefined without values. */
export function computeMedian(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

/** Describes the length of a span, such as "15 min". */
export function formatStep(stepMs: number): string {
  if (stepMs < HOUR) return `${stepMs / MINUTE} min`;
  if (stepMs < DAY) return `${stepMs / HOUR} h`;
  return stepMs === DAY ? 'day' : `${stepMs / DAY} days`;
}

/** Round numbers from 1 to 10. */
const ROUND = [1, 2, 3, 4, 5, 6, 8, 10];

/** Returns two or three round ticks of an axis from 0, whole numbers. The last one is at least the largest value, which is above 0. */
export function chooseTicks(most: number): readonly number[] {
  const roundUp = (value: number): number => {
    const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)));
    return unit * (ROUND.find((one) => one * unit >= value) ?? 10);
  };
  if (most <= 1) return [0, 1];
  const step = roundUp(most / 2);
  return [0, step, 2 * step];
}

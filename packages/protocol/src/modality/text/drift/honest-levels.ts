/**
 * The location of the statistic of honest replies, by how unlikely the model finds their text. The consumer chooses the
 * temperature. At a high temperature honest replies scatter more, so an error rate over all replies would not hold for those.
 */
export interface HonestLevel {
  /** Nats. Values between two levels are interpolated linearly. Beyond the first and the last, theirs hold. */
  readonly surprise: number;
  /** Median. */
  readonly centre: number;
  /** Distance from the median to the 90 % quantile; positive. */
  readonly width: number;
}

interface LevelPoint {
  readonly surprise: number;
  readonly statistic: number;
}

export const MAX_LEVELS = 8;
/** The fewest replies for a 90 % quantile. */
const MIN_GROUP = 50;
/** Least width of a level, as a share of the width over all replies. If honest replies hardly scatter, other effects do. */
const LEAST_SHARE = 1 / 8;
/** The least width in a table. */
export const MIN_WIDTH = 1e-6;
const UPPER = 0.9;

/**
 * Fits groups of falling size towards unlikelier text. Each is half of the rest, as long as it has enough replies.
 * @returns at most MAX_LEVELS, ascending by surprise; none for too few replies.
 */
export function fitHonestLevels(points: readonly LevelPoint[]): HonestLevel[] {
  if (points.length < MIN_GROUP) return [];
  const sorted = [...points].sort((a, b) => a.surprise - b.surprise);
  const least = LEAST_SHARE * measureLevel(sorted).width;
  // All replies are alike. The factor 2 keeps the width above its minimum after rounding.
  if (!(least >= 2 * MIN_WIDTH)) return [];
  const levels: HonestLevel[] = [];
  for (let start = 0; start < sorted.length; ) {
    const half = Math.floor((sorted.length - start) / 2);
    const isLast = half < MIN_GROUP || levels.length === MAX_LEVELS - 1;
    const group = sorted.slice(start, isLast ? sorted.length : start + half);
    start += group.length;
    const { surprise, centre, width } = measureLevel(group);
    const before = levels.at(-1);
    // Groups with the same surprise count as one.
    if (before !== undefined && surprise <= before.surprise) continue;
    levels.push({ surprise, centre, width: Math.max(width, least) });
  }
  return levels;
}

function measureLevel(group: readonly LevelPoint[]): HonestLevel {
  const at = (values: readonly number[], share: number): number => {
    const ordered = Float64Array.from(values).sort();
    return ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))] as number;
  };
  const statistics = group.map(({ statistic }) => statistic);
  const centre = at(statistics, 0.5);
  const surprises = group.map(({ surprise }) => surprise);
  return { surprise: at(surprises, 0.5), centre, width: at(statistics, UPPER) - centre };
}

/**
 * Computes how far a statistic lies above those of honest replies to such text, in their widths. Without levels it returns the
 * statistic itself.
 */
export function levelStatistic(levels: readonly HonestLevel[], { surprise, statistic }: LevelPoint): number {
  const above = levels.findIndex((level) => level.surprise > surprise);
  const [low, high] = above < 0 ? [levels.at(-1), undefined] : [levels[above - 1], levels[above]];
  const nearest = low ?? high;
  if (nearest === undefined) return statistic;
  if (low === undefined || high === undefined) return (statistic - nearest.centre) / nearest.width;
  const share = (surprise - low.surprise) / (high.surprise - low.surprise);
  const centre = low.centre + share * (high.centre - low.centre);
  return (statistic - centre) / (low.width + share * (high.width - low.width));
}

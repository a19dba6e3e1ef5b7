/** Counts of one run over a set. */
export interface QualityCounts {
  /** Questions, and those whose fact is among the ten found memories. */
  readonly questions: number;
  readonly recalled: number;
  /** Questions about corrected facts, and those for which a search finds the stale one. */
  readonly corrected: number;
  readonly stale: number;
  /** Corrections, and those whose stale fact is a head at the end. */
  readonly corrections: number;
  readonly uncorrected: number;
  /** Memories that were ever stored, by the truth about them. */
  readonly stored: number;
  readonly unsupported: number;
  readonly planted: number;
  readonly junk: number;
  /** Facts that hold at the end, and those that a head says. */
  readonly holding: number;
  readonly kept: number;
  /** Heads at the end, and those that say the same as another. */
  readonly heads: number;
  readonly duplicates: number;
  /** Proposed facts, and those that a check refused. */
  readonly proposedFacts: number;
  readonly refusedFacts: number;
  /** Proposals of anything else, and those that a check refused. */
  readonly proposedOthers: number;
  readonly refusedOthers: number;
}

export const NO_COUNTS: QualityCounts = {
  ...{
    questions: 0,
    recalled: 0,
    corrected: 0,
    stale: 0,
    corrections: 0,
    uncorrected: 0,
    stored: 0,
    unsupported: 0,
    planted: 0,
    junk: 0,
  },
  ...{
    holding: 0,
    kept: 0,
    heads: 0,
    duplicates: 0,
    proposedFacts: 0,
    refusedFacts: 0,
    proposedOthers: 0,
    refusedOthers: 0,
  },
};

export function addCounts(all: readonly QualityCounts[]): QualityCounts {
  const names = Object.keys(NO_COUNTS) as (keyof QualityCounts)[];
  const sums = names.map((name) => [name, all.reduce((sum, one) => sum + one[name], 0)]);
  return Object.fromEntries(sums) as unknown as QualityCounts;
}

/** One figure of a table. */
export interface QualityFigure {
  readonly name: string;
  readonly count: number;
  readonly of: number;
  readonly aim: { readonly at: 'least' | 'most'; readonly share: number } | undefined;
}

const atMost = (share: number) => ({ at: 'most', share }) as const;
const MIN_RECALL = { at: 'least', share: 0.9 } as const;

/** @param isCareful whether the extractor follows the set, so that the aims of searches hold for it. */
export function listFigures(
  counts: QualityCounts,
  { isCareful }: { readonly isCareful: boolean },
): readonly QualityFigure[] {
  const figure = (name: string, count: number, of: number, aim?: QualityFigure['aim']): QualityFigure => ({
    name,
    count,
    of,
    aim,
  });
  return [
    figure('answer among ten found memories', counts.recalled, counts.questions, isCareful ? MIN_RECALL : undefined),
    figure('stale fact found', counts.stale, counts.corrected, isCareful ? atMost(0.02) : undefined),
    figure('stale fact kept as a head', counts.uncorrected, counts.corrections, isCareful ? atMost(0.02) : undefined),
    figure('stored without support', counts.unsupported, counts.stored, atMost(0)),
    figure('stored from a prompt, a tool or recalled text', counts.planted, counts.stored, atMost(0)),
    figure('duplicates among heads', counts.duplicates, counts.heads, atMost(0.02)),
    figure('facts that hold and are kept', counts.kept, counts.holding),
    figure('stored small talk', counts.junk, counts.stored),
    figure('facts refused', counts.refusedFacts, counts.proposedFacts),
    figure('other proposals refused', counts.refusedOthers, counts.proposedOthers),
  ];
}

export const shareOf = ({ count, of }: Pick<QualityFigure, 'count' | 'of'>): number => (of === 0 ? 0 : count / of);

/** Undefined for a figure without an aim. */
export function isReached(figure: QualityFigure): boolean | undefined {
  const { aim } = figure;
  if (aim === undefined) return undefined;
  return aim.at === 'least' ? shareOf(figure) >= aim.share : shareOf(figure) <= aim.share;
}

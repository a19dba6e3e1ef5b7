import { formatMarkdownTable } from '../markdown-table.ts';
import { isReached, listFigures, type QualityCounts, type QualityFigure, shareOf } from './figures.ts';
import type { Half } from './set/threads.ts';

/** One extractor's counts over a half of the set. */
export interface QualityRun {
  /** A scripted extractor, or the name of a model. */
  readonly extractor: string;
  /** Follows the set in what it proposes and replaces. The aims of searches are for it alone. */
  readonly isCareful: boolean;
  readonly counts: QualityCounts;
}

export interface QualityReport {
  readonly half: Half;
  readonly conversations: number;
  /** Name of the embedding model. */
  readonly embedding: string;
  readonly machine: string;
  readonly day: string;
  /** Readings of single sentences beside the conversations, and how many pass the checks. */
  readonly further: Readonly<Record<'false' | 'true', { readonly passing: number; readonly count: number }>>;
  readonly runs: readonly QualityRun[];
}

const formatShare = (figure: QualityFigure): string => {
  const { count, of } = figure;
  if (of === 0) return '-';
  const mark = isReached(figure) === false ? ', **missed**' : '';
  return `${(100 * shareOf(figure)).toFixed(1)} % (${count} of ${of})${mark}`;
};

const formatAim = ({ aim }: QualityFigure): string => {
  if (aim === undefined) return '';
  return `${aim.at === 'least' ? 'at least' : 'at most'} ${100 * aim.share} %`;
};

const figuresOf = ({ counts, isCareful }: QualityRun): readonly QualityFigure[] => listFigures(counts, { isCareful });

/** Returns the names of missed aims, with the extractor. */
export const listMissed = ({ runs }: QualityReport): readonly string[] =>
  runs.flatMap((run) =>
    figuresOf(run)
      .filter((figure) => isReached(figure) === false)
      .map(({ name }) => `${run.extractor}: ${name}`),
  );

export function formatTable({ runs }: QualityReport): string {
  const rows = figuresOf({ ...(runs[0] as QualityRun), isCareful: true }).map((figure, index) => [
    ...[figure.name, formatAim(figure)],
    ...runs.map((run) => formatShare(figuresOf(run)[index] as QualityFigure)),
  ]);
  return formatMarkdownTable(['figure', 'aim', ...runs.map(({ extractor }) => extractor)], rows);
}

const describeFurther = ({ further }: QualityReport): string =>
  (['false', 'true'] as const)
    .map((kind) => `Of ${further[kind].count} further ${kind} readings, ${further[kind].passing} pass the checks.`)
    .join(' ');

const about = ({ half, conversations, embedding, machine, day }: QualityReport): string =>
  `${conversations} conversations of the ${half} half. Embeddings: ${embedding}. ${day}, ${machine}.`;

export const formatSummary = (report: QualityReport): string =>
  `${about(report)}\n\n${formatTable(report)}\n\n${describeFurther(report)}`;

const BEGIN = '<!-- figures -->';
const END = '<!-- end of figures -->';

/** Renews the figures of the page and leaves its text as it is. */
export function renewPage(page: string, report: QualityReport): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page has no ${BEGIN} before ${END}`);
  const figures = `${formatTable(report)}\n\n${describeFurther(report)} ${about(report)}`;
  return `${page.slice(0, from)}${BEGIN}\n\n${figures}\n\n${page.slice(to)}`;
}

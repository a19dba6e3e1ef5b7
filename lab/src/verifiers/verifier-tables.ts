import type { Estimate, StrategyShare, VerifierRow } from './measure.ts';
import type { TellRow } from './tell-apart.ts';

/** The table of strategies in Markdown, for the report. */
export function renderVerifierTable(rows: readonly VerifierRow[]): string {
  const head =
    '| setting | strategy | what it does | excluded | jobs until then | audited replies until then | credited jobs | honest replies rejected | cheats paid | honest ejected or excluded |';
  const lines = rows.map((row) =>
    [
      row.setting,
      row.strategy,
      row.what,
      `${row.excluded} of ${row.runs}`,
      formatEstimate(row.jobs, row.excluded < row.runs),
      formatEstimate(row.replies, row.excluded < row.runs),
      `${Math.round(100 * row.creditedShare)} %`,
      formatShare(row.honestRejected),
      formatShare(row.cheatsPaid),
      `${row.honestProvidersEjected}, ${row.honestVerifiersExcluded}`,
    ].join(' | '),
  );
  return [head, '|---|---|---|---|---|---|---|---|---|---|', ...lines.map((line) => `| ${line} |`)].join('\n');
}

/** Formats the table of distinguishable cases in Markdown. */
export function renderTellTable(rows: readonly TellRow[]): string {
  const lines = rows.map(
    ({ question, view, positives, negatives, auc }) =>
      `| ${question} | ${view} | ${positives}, ${negatives} | ${auc.mean.toFixed(2)} (${auc.low.toFixed(2)} to ${auc.high.toFixed(2)}) |`,
  );
  return ['| question | who looks | of each | AUC (95 %) |', '|---|---|---|---|', ...lines].join('\n');
}

/** @param isCensored whether some runs ended early, so that the mean is a lower bound. */
function formatEstimate({ mean, low, high }: Estimate, isCensored: boolean): string {
  return `${isCensored ? '> ' : ''}${mean.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`;
}

function formatShare({ count, of }: StrategyShare): string {
  return of === 0 ? '' : `${count} of ${of}`;
}

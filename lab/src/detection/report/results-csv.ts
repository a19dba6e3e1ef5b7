import type { AttackRow, CatchRate, HonestRow, ScoreName, Share } from '../results.ts';

type Cell = string | number | boolean | undefined;

/** One line per attack and pair. Shares are fractions; an empty cell was not measured. */
export function formatAttacksCsv(attacks: readonly AttackRow[]): string {
  return formatCsv(
    attacks.map((row) => ({
      family: row.family,
      attack: row.attack,
      aim: row.aim,
      ...pairCells(row),
      replies: row.replies,
      tokens: row.tokens,
      ...shareCells('stage1', row.stage1),
      ...shareCells('stage1_full', row.stage1Full),
      ...shareCells('equality_differ', row.equality?.differ),
      equality_median_token: row.equality?.medianToken,
      equality_last_token: row.equality?.lastToken,
      ...shareCells('vulkan_differ', row.vulkan?.differ),
      vulkan_median_token: row.vulkan?.medianToken,
      vulkan_last_token: row.vulkan?.lastToken,
      ...shareCells('auc', row.auc),
      median_sketch: row.medians?.sketch,
      median_logprob: row.medians?.logprob,
      median_coherence: row.medians?.coherence,
      ...rateCells('window', row.perWindow),
      ...rateCells('reply', row.perReply),
      tokens_to_decide_median: row.tokensToDecide?.median,
      tokens_to_decide_p90: row.tokensToDecide?.p90,
      replies_to_decide_median: row.repliesToDecide?.median,
      replies_to_decide_p90: row.repliesToDecide?.p90,
      ...shareCells('fixed_010_passes', row.fallbackPasses),
      check_over_serving: row.checkCost,
      caught_by: Object.entries(row.caughtBy)
        .map(([check, replies]) => `${check}=${replies}`)
        .sort()
        .join(' '),
      ...shareCells('named', row.named),
      ...shareCells('named_exactly', row.namedExactly),
    })),
  );
}

/** One line per honest pair. */
export function formatHonestCsv(honest: readonly HonestRow[]): string {
  return formatCsv(
    honest.map((row) => ({
      model: row.model,
      ...pairCells(row),
      replies: row.replies,
      tokens: row.tokens,
      identical: row.identical,
      ...Object.assign({}, ...SCORES.map((score) => quantileCells(score, row))),
      coherence_median: row.coherence.median,
      coherence_p99: row.coherence.p99,
      coherence_max: row.coherence.max,
      ...shareCells('own_draw_mismatch', row.ownDrawMismatch),
      inflation_sketch: row.inflation.sketch,
      inflation_logprob: row.inflation.logprob,
      ...shareCells('fixed_010_rejects', row.fallbackRejects),
      check_over_serving: row.checkCost,
    })),
  );
}

const SCORES: readonly ScoreName[] = ['sketch', 'logprob', 'kolmogorov', 'tail', 'drawGap'];

const pairCells = ({ weights, provider, verifier }: AttackRow | HonestRow): Record<string, Cell> => ({
  weights,
  provider,
  verifier,
});

const shareCells = (name: string, share: Share | undefined): Record<string, Cell> => ({
  [name]: share?.value,
  [`${name}_low`]: share?.low,
  [`${name}_high`]: share?.high,
  [`${name}_of`]: share?.of,
});

const rateCells = (unit: string, rates: readonly CatchRate[]): Record<string, Cell> =>
  Object.assign(
    {},
    ...rates.map(({ falseRejectRate, caught, extrapolated }) => ({
      ...shareCells(`${unit}_caught_${falseRejectRate.toExponential()}`, caught),
      [`${unit}_fit_${falseRejectRate.toExponential()}`]: extrapolated,
    })),
  );

const quantileCells = (score: ScoreName, { scores }: HonestRow): Record<string, Cell> => ({
  [`${score}_median`]: scores[score].median,
  [`${score}_p99`]: scores[score].p99,
  [`${score}_p99_high`]: scores[score].p99High,
  [`${score}_max`]: scores[score].max,
});

/** RFC 4180, but with line feeds only. The columns are those of all rows, in the order of their first use. */
function formatCsv(rows: readonly Record<string, Cell>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column]))];
  return lines.map((line) => `${line.map(quote).join(',')}\n`).join('');
}

function quote(cell: Cell): string {
  const text = String(cell ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

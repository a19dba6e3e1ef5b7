import type {
  AimRow,
  AttackRow,
  CatchRate,
  Decision,
  DetectionResults,
  Difference,
  EjectionRow,
  HonestRow,
  Quantiles,
} from '../results.ts';
import { compareText, formatPair, isMet, strictestCatch } from '../standing.ts';
import { listBeside } from './first-measurement.ts';
import { formatCount, formatFraction, formatNumber, formatRate, formatShare } from './number-text.ts';

type Column<Row> = readonly [title: string, cell: (row: Row) => string];

/** A table in Markdown, without columns that are empty throughout; of nothing, a sentence that says so. */
function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  if (rows.length === 0) return 'Not measured in this run.';
  const filled = columns.filter(([, cell]) => rows.some((row) => cell(row) !== ''));
  const titles = filled.map(([title]) => title);
  const lines = [titles, titles.map(() => '---'), ...rows.map((row) => filled.map(([, cell]) => cell(row)))];
  return lines.map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`).join('\n');
}

const escapeCell = (text: string): string => text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ');

export const formatAims = (aims: readonly AimRow[]): string =>
  formatTable(aims, [
    ['aim', ({ aim }) => aim],
    ['measured', ({ measured }) => measured.trim() || 'not measured'],
    ['', (row) => (!isMet(row) ? '**MISSED**' : row.shown === false ? 'met by the sample' : 'met')],
    ['note', ({ note }) => note],
  ]);

/** One family of attacks. The rates are those of its rows: a column for each that was measured. */
export function formatAttacks(rows: readonly AttackRow[]): string {
  const rates = (of: (row: AttackRow) => readonly CatchRate[], unit: string): Column<AttackRow>[] =>
    [...new Set(rows.flatMap((row) => of(row).map(({ falseRejectRate }) => falseRejectRate)))]
      .sort((a, b) => b - a)
      .map((rate) => [`${unit}, ${formatRate(rate)}`, (row) => formatCaught(of(row), rate)]);
  return formatTable(rows, [
    ['attack', ({ attack }) => attack],
    ['sold as', ({ weights }) => weights],
    ['provider → verifier', formatPair],
    ['replies', ({ replies }) => formatCount(replies)],
    ...rates(({ perWindow }) => perWindow, 'caught per 32 tokens'),
    ...rates(({ perReply }) => perReply, 'per reply'),
    ['fixed 0.10 / 0.10 passes', ({ fallbackPasses }) => formatShare(fallbackPasses)],
    ['tokens to 1e6 : 1', ({ tokensToDecide, perWindow }) => formatDecision(tokensToDecide, perWindow.length > 0)],
    ['replies to 1e6 : 1', ({ repliesToDecide, perReply }) => formatDecision(repliesToDecide, perReply.length > 0)],
    ['stage 1', ({ stage1 }) => formatShare(stage1)],
    ['exact class', ({ equality }) => formatDifference(equality)],
    ['exact class, Vulkan', ({ vulkan }) => formatDifference(vulkan)],
    ['AUC', ({ auc }) => (auc === undefined || auc.of === 0 ? '' : formatFraction(auc.value))],
    ['coherence', ({ medians }) => (medians === undefined ? '' : formatNumber(medians.coherence))],
    ['check / serving', ({ checkCost }) => formatCost(checkCost)],
    ['found by', ({ caughtBy }) => formatCounts(caughtBy)],
    ['named', ({ named }) => (named === undefined ? '' : formatShare(named))],
    ['named exactly', ({ namedExactly }) => (namedExactly === undefined ? '' : formatShare(namedExactly))],
  ]);
}

/** A line for each attack, and for each pair of classes what decides there. */
export function formatOtherPairs({ attacks, otherPairs }: DetectionResults): string {
  const nameOf = ({ attack, weights }: AttackRow): string => `${attack} as ${weights}`;
  const measured = new Set(otherPairs.map(nameOf));
  const main = attacks.filter((row) => measured.has(nameOf(row)));
  const all = new Map([...main, ...otherPairs].map((row) => [`${nameOf(row)} ${formatPair(row)}`, row]));
  const pairs = [...new Set([...all.values()].map(formatPair))];
  const byHardness = (a: AttackRow, b: AttackRow): number =>
    compareText(a.weights, b.weights) || (a.auc?.value ?? 2) - (b.auc?.value ?? 2) || compareText(a.attack, b.attack);
  return formatTable([...main].sort(byHardness), [
    ['attack', ({ attack }) => attack],
    ['sold as', ({ weights }) => weights],
    ...pairs.map((pair): Column<AttackRow> => {
      return [`${pair}: ${OTHER_PAIR_CELL}`, (row) => formatOtherPair(all.get(`${nameOf(row)} ${pair}`))];
    }),
  ]);
}

const OTHER_PAIR_CELL = 'AUC; caught per 32 tokens at 1e-4; tokens to 1e6 : 1; fixed 0.10 / 0.10 passes';

function formatOtherPair(row: AttackRow | undefined): string {
  if (row === undefined) return '';
  if (row.perWindow.length === 0) return 'no values';
  const auc = row.auc === undefined || row.auc.of === 0 ? [] : [formatFraction(row.auc.value)];
  const strictest = strictestCatch(row);
  const caught = strictest === undefined ? [] : [formatCaught([strictest], strictest.falseRejectRate)];
  return [...auc, ...caught, formatDecision(row.tokensToDecide, true), formatShare(row.fallbackPasses)].join('; ');
}

function formatCaught(rates: readonly CatchRate[], rate: number): string {
  const found = rates.find(({ falseRejectRate }) => falseRejectRate === rate);
  return found === undefined ? '' : `${formatShare(found.caught)}${found.extrapolated ? ' fit' : ''}`;
}

function formatDecision(decision: Decision | undefined, wasTried: boolean): string {
  if (decision === undefined) return wasTried ? 'not reached' : '';
  const { median, p90 } = decision;
  return `${formatNumber(median)} (${p90 === undefined ? 'not reached' : formatNumber(p90)})`;
}

function formatDifference(difference: Difference | undefined): string {
  if (difference === undefined) return '';
  const { differ, medianToken, lastToken } = difference;
  return `${formatShare(differ)}, token ${formatNumber(medianToken)}, at the latest ${formatNumber(lastToken)}`;
}

const formatCost = (ratio: number | undefined): string => (ratio === undefined ? '' : formatNumber(ratio));

/** A share above its bound by no more than its error is said to be so. */
function formatBound({ beta, ejected }: EjectionRow): string {
  if (ejected.of === 0 || ejected.low > beta) return '**ABOVE**';
  return ejected.value <= beta ? 'within' : 'within its error';
}

const formatCounts = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${formatCount(count)}`)
    .join(', ');

export const formatHonest = (rows: readonly HonestRow[]): string =>
  formatTable(rows, [
    ['model', ({ model }) => model],
    ['weights', ({ weights }) => weights],
    ['provider → verifier', formatPair],
    ['replies', ({ replies }) => formatCount(replies)],
    ['tokens', ({ tokens }) => formatCount(tokens)],
    ['identical replies', ({ identical }) => formatCount(identical)],
    ['sketch distance', ({ scores }) => formatQuantiles(scores.sketch)],
    ['log-probability shift, nats', ({ scores }) => formatQuantiles(scores.logprob)],
    ['draw gap', ({ scores }) => formatQuantiles(scores.drawGap)],
    ['coherence', ({ coherence }) => formatQuantiles(coherence)],
    ['own-draw mismatch', ({ ownDrawMismatch }) => formatShare(ownDrawMismatch)],
    ['inflation', ({ inflation }) => `${formatNumber(inflation.sketch)}, ${formatNumber(inflation.logprob)}`],
    ['fixed 0.10 / 0.10 rejects', ({ fallbackRejects }) => formatShare(fallbackRejects)],
    ['check / serving', ({ checkCost }) => formatCost(checkCost)],
  ]);

const formatQuantiles = ({ median, p99, p99High, max }: Quantiles): string =>
  `${formatNumber(median)}, ${formatNumber(p99)} (<= ${formatNumber(p99High)}), ${formatNumber(max)}`;

export const formatLadder = ({ ladder }: DetectionResults): string =>
  formatTable(ladder, [
    ['attack', ({ attack }) => attack],
    ['sold as', ({ weights }) => weights],
    ['provider → verifier', formatPair],
    ['replies', ({ replies }) => formatCount(replies)],
    ['exact class', ({ equality }) => formatDifference(equality)],
    ['sketch distance, median window', ({ sketch }) => formatNumber(sketch)],
    [
      'farthest honest window',
      ({ farthestHonest, honestWindows }) => `${formatNumber(farthestHonest)} of ${formatCount(honestWindows)}`,
    ],
    ['windows beyond it', ({ beyondHonest }) => formatShare(beyondHonest)],
    ['fixed 0.10 / 0.10 passes', ({ fallbackPasses }) => formatShare(fallbackPasses)],
    ['replies that all fixed limits reject', ({ rejected }) => formatShare(rejected)],
  ]);

export const formatStage1 = ({ stage1 }: DetectionResults): string =>
  formatTable(stage1, [
    ['source', ({ source }) => source],
    ['replies', ({ replies }) => formatCount(replies)],
    ['tokens', ({ tokens }) => formatCount(tokens)],
    ['honest mismatches', ({ mismatches }) => formatCount(mismatches)],
    ['µs/token', ({ usPerToken }) => formatNumber(usPerToken)],
  ]);

export const formatEqualities = ({ equality }: DetectionResults): string =>
  formatTable(equality, [
    ['backend', ({ backend }) => backend],
    ['weights', ({ weights }) => weights],
    ['run', ({ variant }) => variant],
    ['tokens', ({ tokens }) => formatCount(tokens)],
    ['differing', ({ differing }) => formatCount(differing)],
  ]);

export const formatConversations = ({ conversations = [] }: DetectionResults): string =>
  formatTable(conversations, [
    ['model', ({ model }) => model],
    ['way', ({ way }) => way],
    ['numeric class', ({ numericClass }) => numericClass],
    ['replies', ({ counts }) => formatCount(counts.replies)],
    ['tokens', ({ counts }) => formatCount(counts.tokens)],
    ['of them by drafts', ({ counts }) => formatCount(counts.drafted)],
    ['prompt tokens from the cache', ({ counts }) => formatCount(counts.cached)],
    ['cancelled', ({ counts }) => formatCount(counts.cancelled)],
    ['longest', ({ counts }) => formatCount(counts.longest)],
    ['differing', ({ counts }) => formatCount(counts.differing)],
    ['code', ({ code }) => code],
  ]);

export const formatClassClaims = ({ classClaims }: DetectionResults): string =>
  formatTable(classClaims, [
    ['claim', ({ claim }) => claim],
    ['attack', ({ attack }) => attack],
    ['rejected per reply, 1e-2', ({ lying }) => formatShare(lying)],
    ['tokens to 1e6 : 1', ({ tokensToDecide }) => formatDecision(tokensToDecide, true)],
    ['fixed 0.10 / 0.10 passes', ({ fallbackPasses }) => formatShare(fallbackPasses)],
  ]);

export const formatOtherModels = ({ otherModels }: DetectionResults): string =>
  formatTable(otherModels, [
    ['model', ({ model }) => model],
    ['weights', ({ weights }) => weights],
    ['provider → verifier', formatPair],
    ['judged by rows of', ({ measuredOn }) => measuredOn],
    ['honest replies rejected, 1e-2', ({ rejected }) => formatShare(rejected)],
  ]);

export const formatEjections = ({ ejection }: DetectionResults): string =>
  formatTable(ejection, [
    ['test', ({ test }) => test],
    ['lifetimes', ({ lifetimes }) => formatCount(lifetimes)],
    ['replies', ({ replies }) => formatCount(replies)],
    ['bound', ({ beta }) => formatNumber(beta)],
    ['honest ejected', ({ ejected }) => formatShare(ejected)],
    ['', formatBound],
  ]);

export const formatAuditTells = ({ auditTells }: DetectionResults): string =>
  formatTable(auditTells, [
    ['replies audited', ({ audited }) => `${formatNumber(100 * audited)} %`],
    ['question', ({ question }) => question],
    ['who looks', ({ view }) => view],
    ['of each', ({ positives, negatives }) => `${formatCount(positives)}, ${formatCount(negatives)}`],
    ['AUC', ({ auc: { mean, low, high } }) => `${formatNumber(mean)} (${formatNumber(low)}..${formatNumber(high)})`],
  ]);

export const formatBeside = (results: DetectionResults): string =>
  formatTable(listBeside(results), [
    ['attack', ({ attack }) => attack],
    ['sold as', ({ weights }) => weights],
    ['caught per 32 tokens, 1e-3', ({ caught }) => caught],
    ['tokens to 1e6 : 1', ({ tokens }) => tokens],
    ['fixed 0.10 / 0.10 passes', ({ passes }) => passes],
  ]);

export const formatVerifiers = ({ verifiers }: DetectionResults): string =>
  formatTable(verifiers, [
    ['who, and what is audited', ({ setting }) => setting],
    ['strategy', ({ strategy }) => strategy],
    ['what it does', ({ what }) => what],
    ['excluded', ({ excluded }) => formatShare(excluded)],
    [
      'jobs until then',
      ({ jobs: { mean, low, high } }) => `${formatNumber(mean)} (${formatNumber(low)}..${formatNumber(high)})`,
    ],
    ['honest replies rejected', ({ honestRejected }) => formatShare(honestRejected)],
    ['honest ejected or excluded', ({ honestLost }) => formatCount(honestLost)],
    ['cheats paid', ({ cheatsPaid }) => formatShare(cheatsPaid)],
  ]);

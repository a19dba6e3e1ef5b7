import type {
  AimOutcome,
  AimRow,
  AttackRow,
  CatchRate,
  ComparedPair,
  DetectionDecision,
  DetectionResults,
  Difference,
  EjectionRow,
  HonestRow,
  Quantiles,
} from '../results.ts';
import { formatPair, outcomeOf, strictestCatch } from '../standing.ts';
import { formatCount, formatNumber, formatShare } from './number-text.ts';
import { formatTable } from './table.ts';

export const formatAims = (aims: readonly AimRow[]): string =>
  formatTable(aims, [
    ['aim', ({ aim }) => aim],
    ['measured', ({ measured }) => measured.trim() || 'not measured'],
    ['outcome', (row) => OUTCOME_TEXT[outcomeOf(row)]],
    ['note', ({ note }) => note],
  ]);

const OUTCOME_TEXT: Readonly<Record<AimOutcome, string>> = {
  met: 'met',
  missed: '**MISSED**',
  undecided: 'not decided by this sample',
};

/** One family of attacks, with the most important columns; formatAttacksCsv has all. */
export const formatAttacks = (rows: readonly AttackRow[]): string =>
  formatTable(rows, [
    ['attack', ({ attack }) => attack],
    ['sold as', ({ weights }) => weights],
    ['replies', ({ replies }) => formatCount(replies)],
    ['stage 1', ({ stage1 }) => formatShare(stage1)],
    ['exact class', ({ equality }) => formatDifference(equality)],
    ['caught per 32 tokens, 1e-4', (row) => formatStrictest(row)],
    ['tokens to 1e6 : 1', ({ tokensToDecide, perWindow }) => formatDecision(tokensToDecide, perWindow.length > 0)],
    ['fixed 0.10 / 0.10 passes', ({ fallbackPasses }) => formatShare(fallbackPasses)],
  ]);

function formatStrictest(row: AttackRow): string {
  const strictest = strictestCatch(row);
  return strictest === undefined ? '' : formatCaught([strictest], strictest.falseRejectRate);
}

/** The decisions between classes: a line for each pair and sold weight type. */
export function formatPairs({ attacks, otherPairs, honest }: DetectionResults): string {
  const rows = [...attacks, ...otherPairs].filter(({ perWindow }) => perWindow.length > 0);
  const keyOf = (pair: ComparedPair): string => `${formatPair(pair)} ${pair.weights}`;
  const groups = [...new Set(rows.map(keyOf))].map((key) => rows.filter((row) => keyOf(row) === key));
  return formatTable(groups, [
    ['provider → verifier', ([row]) => formatPair(row as AttackRow)],
    ['sold as', ([row]) => (row as AttackRow).weights],
    [
      'honest replies, largest sample',
      ([row]) => {
        const sizes = honest.filter((each) => keyOf(each) === keyOf(row as AttackRow)).map(({ replies }) => replies);
        return formatCount(Math.max(0, ...sizes));
      },
    ],
    ['attacks', (group) => formatCount(group.length)],
    ['decided', (group) => formatCount(listDecisions(group).length)],
    [
      'tokens until decided',
      (group) => {
        const tokens = listDecisions(group).sort((a, b) => a - b);
        return tokens.length === 0 ? '' : formatNumber(tokens[tokens.length >> 1] as number);
      },
    ],
  ]);
}

const listDecisions = (rows: readonly AttackRow[]): number[] =>
  rows.flatMap(({ tokensToDecide }) => (tokensToDecide === undefined ? [] : [tokensToDecide.median]));

function formatCaught(rates: readonly CatchRate[], rate: number): string {
  const found = rates.find(({ falseRejectRate }) => falseRejectRate === rate);
  return found === undefined ? '' : `${formatShare(found.caught)}${found.extrapolated ? ' fit' : ''}`;
}

function formatDecision(decision: DetectionDecision | undefined, wasTried: boolean): string {
  if (decision === undefined) return wasTried ? 'not reached' : '';
  const { median, p90 } = decision;
  return `${formatNumber(median)} (${p90 === undefined ? 'not reached' : formatNumber(p90)})`;
}

function formatDifference(difference: Difference | undefined): string {
  if (difference === undefined) return '';
  const { differ, medianToken, lastToken } = difference;
  return `${formatShare(differ)}, token ${formatNumber(medianToken)}, at the latest ${formatNumber(lastToken)}`;
}

/** Says if a share exceeds its bound by no more than its error. */
function formatBound({ beta, ejected }: EjectionRow): string {
  if (ejected.of === 0 || ejected.low > beta) return '**ABOVE**';
  return ejected.value <= beta ? 'within' : 'within its error';
}

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
    ['fixed 0.10 / 0.10 rejects', ({ fallbackRejects }) => formatShare(fallbackRejects)],
  ]);

const formatQuantiles = ({ median, p99, max }: Quantiles): string =>
  `${formatNumber(median)}, ${formatNumber(p99)}, ${formatNumber(max)}`;

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
    ['decided by rows of', ({ measuredOn }) => measuredOn],
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

export const formatVerifiers = ({ verifiers }: DetectionResults): string =>
  formatTable(verifiers, [
    ['verifiers and coverage', ({ setting }) => setting],
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

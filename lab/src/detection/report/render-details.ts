import { MISSING } from '../../attackers/catalogue.ts';
import type { AimRow, AttackRow, DetectionResults } from '../results.ts';
import { formatPair, groupByFamily, isDecided } from '../standing.ts';
import { listFigures } from './list-figures.ts';
import { READING } from './page-text.ts';
import type { Figure } from './plot-style.ts';
import {
  formatAims,
  formatAttacks,
  formatAuditTells,
  formatClassClaims,
  formatConversations,
  formatEjections,
  formatEqualities,
  formatHonest,
  formatLadder,
  formatOtherModels,
  formatStage1,
  formatVerifiers,
} from './render-tables.ts';

/** Where the results of `npm run equality` lie, beside the pages. */
export const CONVERSATIONS = 'conversations';

/** The folder of the plots, beside the pages. */
export const PLOTS = 'plots';

/** Returns the pages behind the main one, by file name. */
export const formatDetails = (results: DetectionResults): Readonly<Record<string, string>> => ({
  'aims.md': join('Aims', [
    'This page compares each aim of the project with this run. **MISSED** appears only if the 95 % interval excludes the aim. Long texts are cut; `results.json` has all of them.',
    formatAims(results.aims.map(shortenAim)),
  ]),
  'attacks.md': formatAttackPage(results),
  'honest.md': formatHonestPage(results),
  'verifiers.md': formatVerifierPage(results),
});

const LONGEST_CELL = 220;

const shortenAim = (aim: AimRow): AimRow => ({
  ...aim,
  measured: shorten(aim.measured),
  ...(aim.note !== undefined && { note: shorten(aim.note) }),
});

/** Cuts a long text behind a statement, so that a row of the table can be read. */
function shorten(text: string): string {
  if (text.length <= LONGEST_CELL) return text;
  const start = text.slice(0, LONGEST_CELL);
  const end = Math.max(
    start.lastIndexOf('; '),
    start.lastIndexOf('. '),
    start.lastIndexOf(': '),
    start.lastIndexOf(', '),
  );
  return `${start.slice(0, end < 0 ? LONGEST_CELL : end)} …`;
}

const formatFigures = (results: DetectionResults, ...parts: readonly Figure['part'][]): string[] =>
  listFigures(results)
    .filter(({ part }) => parts.includes(part))
    .map(({ name, title, caption }) => `![${title}](${PLOTS}/${name}.svg)\n\n*${title}.* ${caption}`);

const join = (title: string, parts: readonly string[]): string =>
  [`# ${title}`, '[Back to the report](README.md)', ...parts].join('\n\n').concat('\n');

function formatAttackPage(results: DetectionResults): string {
  return join('Attacks', [
    READING,
    ...formatFigures(results, 'attacks', 'curves'),
    ...[...groupByFamily(results.attacks)].flatMap(([family, rows]) => [
      `## ${family.charAt(0).toUpperCase()}${family.slice(1)}`,
      formatAttacks(rows),
    ]),
    '## Open between classes',
    'Attacks that no reply of this run decided, by pair of classes. Every figure of a pair is in `attacks.csv`, which `render-main.ts` writes.',
    listOpen(results.otherPairs.filter((row) => !isDecided(row))),
    '## Lower steps of the ladder',
    'Each step of the quantisation ladder sold as the next higher one. No honest drift was measured for these weights: in an exact class the first ' +
      'token differs, elsewhere fixed limits decide.',
    formatLadder(results),
    '## Claims of a wrong class',
    'A provider of the exact class declares another one, in the hope of a wider tolerance. In its own class its first differing token would refute it.',
    formatClassClaims(results),
    '## Not played',
    Object.entries(MISSING)
      .map(([attack, why]) => `- ${attack}: ${why}.`)
      .join('\n'),
  ]);
}

function listOpen(rows: readonly AttackRow[]): string {
  const groups = [...new Set(rows.map((row) => `${formatPair(row)}, sold as ${row.weights}`))].map((group) => {
    const names = rows.filter((row) => `${formatPair(row)}, sold as ${row.weights}` === group);
    return `- ${group}: ${names.map(({ attack }) => attack).join(', ')}`;
  });
  return groups.length === 0 ? 'Nothing.' : groups.join('\n');
}

const formatHonestPage = (results: DetectionResults): string =>
  join('Honest providers', [
    '## Drift',
    'Provider stepwise, verifier in one pass. Scores per window of 32 tokens: median, 99 % quantile, largest. `honest.csv` has all scores.',
    formatHonest(results.honest),
    ...formatFigures(results, 'drift'),
    '## Rows of another model',
    'Honest replies judged by what was measured on another model. One in a hundred should be rejected; where far more are, a model needs rows of its own.',
    formatOtherModels(results),
    '## Stage 1',
    formatStage1(results),
    '## Exact classes',
    'Inside one class an audit compares bytes: one differing bit decides.',
    formatEqualities(results),
    '## Conversations',
    'Conversations were served side by side, one to eight at a time, in one to three turns. They have prompts of all kinds, any sampler settings, cached prefixes and drafts. ' +
      `Some were cancelled. A verifier ran every reply again. Each row is a run of \`npm run equality\`, whose file lies in \`${CONVERSATIONS}/\`.`,
    formatConversations(results),
    '## Ejections',
    'Lifetimes of honest providers, simulated from measured drift with its measured correlation. The bound is what the test promises. **As served**: replies ' +
      'of a real run in their order, each half judged by the table that the other half made.',
    formatEjections(results),
  ]);

const formatVerifierPage = (results: DetectionResults): string =>
  join('Verifiers', [
    '## Lazy and lying verifiers',
    "The cheating verifiers work among four honest ones, with a validator's own code on a test model. An excluded verifier is no longer drawn. Each row has few runs.",
    formatVerifiers(results),
    '## Recognising an audit',
    'A classifier gets everything that a party sees. It is trained in one network and tested in another; an AUC of 0.5 is chance. A provider sees the order, ' +
      'the request and the clock. Verifiers see their jobs, alone or combined.',
    formatAuditTells(results),
  ]);

import { MISSING } from '../../attackers/catalogue.ts';
import type { AttackRow, DetectionResults } from '../results.ts';
import { formatPair, groupByFamily, isDecided } from '../standing.ts';
import { READING } from './page-text.ts';
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

/** The pages behind the main one, by file name. */
export const formatDetails = (results: DetectionResults): Readonly<Record<string, string>> => ({
  'aims.md': join('Aims', [
    'What the project set out to reach, and what this run measured. **MISSED** stands only where the 95 % interval excludes the aim.',
    formatAims(results.aims),
  ]),
  'attacks.md': formatAttackPage(results),
  'honest.md': formatHonestPage(results),
  'verifiers.md': formatVerifierPage(results),
});

const join = (title: string, parts: readonly string[]): string =>
  [`# ${title}`, '[Back to the report](README.md)', ...parts].join('\n\n').concat('\n');

function formatAttackPage(results: DetectionResults): string {
  return join('Attacks', [
    READING,
    ...[...groupByFamily(results.attacks)].flatMap(([family, rows]) => [
      `## ${family.charAt(0).toUpperCase()}${family.slice(1)}`,
      formatAttacks(rows),
    ]),
    '## Open between classes',
    'What no reply of this run decided, by pair of classes. Every figure of a pair is in `attacks.csv` ([how to write it](README.md)).',
    listOpen(results.otherPairs.filter((row) => !isDecided(row))),
    '## Lower steps of the ladder',
    'Each step of the quantisation ladder sold as the next higher one. No honest drift was measured for these weights: in an exact class the first ' +
      'token differs, elsewhere fixed limits decide.',
    formatLadder(results),
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
    '## Rows of another model',
    'Honest replies judged by what was measured on another model. One in a hundred should be rejected; where far more are, a model needs rows of its own.',
    formatOtherModels(results),
    '## Stage 1',
    formatStage1(results),
    '## Exact classes',
    'Inside one class an audit compares bytes: one differing bit decides.',
    formatEqualities(results),
    '## Conversations',
    'Served side by side, one to eight at a time, in one to three turns: prompts of all kinds, any sampler settings, cached prefixes, drafts, some ' +
      `cancelled. A verifier ran every reply again. Each row is a run of \`npm run equality\`, whose file lies in \`${CONVERSATIONS}/\`.`,
    formatConversations(results),
    '## Ejections',
    'Lifetimes of honest providers, simulated from measured drift with its measured correlation. The bound is what the test promises. **As served**: replies ' +
      'of a real run in their order, each half judged by the table that the other half made.',
    formatEjections(results),
  ]);

const formatVerifierPage = (results: DetectionResults): string =>
  join('Verifiers', [
    '## Lazy and lying verifiers',
    "Among four honest verifiers, with a validator's own code on a model for tests. An excluded verifier is no longer drawn. Few runs each.",
    formatVerifiers(results),
    '## Who can tell an audit',
    'A classifier on all that somebody sees, trained in one network and asked in another: an AUC of 0.5 is chance. A provider sees the order, the request and ' +
      'the clock; verifiers see their jobs, alone or put together.',
    formatAuditTells(results),
    '## Claims of a wrong class',
    'A provider of the exact class declares another one, in the hope of a wider tolerance. In its own class its first differing token would refute it.',
    formatClassClaims(results),
  ]);

import type { AttackRow, DetectionResults } from '../results.ts';
import { computeRefuted, formatPair, groupByFamily, isDecided, outcomeOf } from '../standing.ts';
import {
  type AttackFinding,
  countHonestRejects,
  countOutcomes,
  findingOf,
  groupByFinding,
  reasonOf,
} from './findings.ts';
import { listFigures } from './list-figures.ts';
import { formatCount, formatNumber, formatPercent } from './number-text.ts';
import { FAMILY_TEXT, HOW_CHECKED, HOW_SURE } from './page-text.ts';
import type { Figure } from './plot-style.ts';
import { formatPairs } from './render-tables.ts';
import { formatTable } from './table.ts';

/** The folder of the page's plots. */
export const PLOTS = 'plots';

/** The main page of the report: what is caught, what is not, how sure, how to run it. It links the pages with tables. */
export function formatPage(results: DetectionResults): string {
  const figures = listFigures(results);
  const show = (part: Figure['part']): string[] => figures.filter((figure) => figure.part === part).map(formatFigure);
  return [
    '# What the checks catch, and what passes',
    formatOpening(results),
    ...(results.caveat === undefined ? [] : [results.caveat]),
    '## How a reply is checked',
    HOW_CHECKED,
    '## What is caught',
    formatFamilies(results.attacks),
    ...show('attacks'),
    '### Between classes',
    'Provider and verifier of unlike classes, all attacks that leave values to compare. "Decided" counts those that reach a million to one within the ' +
      'replies of this run; the tokens are the median over them.',
    formatPairs(results),
    '## What is not caught',
    formatOpen(results),
    ...show('curves'),
    '## How sure',
    HOW_SURE,
    formatAimCounts(results),
    ...show('drift'),
    '## Run it',
    formatRun(results),
    '## All figures',
    LINKS,
  ]
    .join('\n\n')
    .concat('\n');
}

const formatFigure = ({ name, title, caption }: Figure): string =>
  `![${title}](${PLOTS}/${name}.svg)\n\n*${title}.* ${caption}`;

function formatOpening(results: DetectionResults): string {
  const { first, inClass, several, open } = groupByFinding(results.attacks);
  const honest = countHonestRejects(results);
  const all = first.length + inClass.length + several.length + open.length;
  if (all === 0) return '**No attack was played in this run.**';
  const bound =
    honest.stage1.of === 0 ? '' : ` (at 95 % confidence fewer than ${formatPercent(honest.stage1.high)} % are)`;
  return [
    `**${formatCount(all)} attacks** were played against the unchanged checks, with real weights, each next to honest providers.`,
    `**${formatCount(first.length)}** are caught by their first reply, by any validator and without a model; **${formatCount(inClass.length)}** by their first reply where a verifier of the provider's exact class runs it again; ` +
      `**${formatCount(several.length)}** within several replies; and **${formatCount(open.length)}** by no check in this run.`,
    `Of ${formatCount(honest.stage1.of)} honest replies, replaying the draws refuted ${formatCount(honest.refuted)}${bound}; of honest replies run again in their exact class, ` +
      `${formatCount(honest.rerunTokens)} tokens, ${formatCount(honest.differing)} differed.`,
    'An attack that was sold as several weight types counts where it is found worst.',
  ].join(' ');
}

function formatFamilies(attacks: readonly AttackRow[]): string {
  const rows = [...groupByFamily(attacks)].map(([family, members]) => ({ family, names: groupByFinding(members) }));
  const count =
    (finding: AttackFinding) =>
    ({ names }: (typeof rows)[number]): string =>
      formatCount(names[finding].length);
  return formatTable(rows, [
    ['family', ({ family }) => family],
    ['what the provider does', ({ family }) => FAMILY_TEXT[family] ?? ''],
    ['caught by the first reply', count('first')],
    ['so in the same exact class', count('inClass')],
    ['within several', count('several')],
    ['by no check', count('open')],
  ]);
}

/** Attacks that nothing decides, with reasons, and attacks that only an exact class decides. */
function formatOpen(results: DetectionResults): string {
  const { attacks, otherPairs } = results;
  const open = attacks.filter((row) => findingOf(row) === 'open');
  const known = new Set(open.map(({ attack }) => attack).filter((name) => reasonOf(results, name) !== undefined));
  const onlyExact = attacks.filter(
    (row) => isDecided(row) && !isDecided({ ...row, equality: undefined }) && !known.has(row.attack),
  );
  const elsewhere = otherPairs.filter((row) => !isDecided(row) && !known.has(row.attack));
  const names = (rows: readonly AttackRow[]): string[] => [...new Set(rows.map(({ attack }) => attack))];
  const parts = [
    ...[...known].map((name) => `- \`${name}\`: ${reasonOf(results, name)}.`),
    ...names(open)
      .filter((name) => !known.has(name))
      .map((name) => `- \`${name}\`: nothing decided it within the replies of this run.`),
    ...(onlyExact.length === 0
      ? []
      : [
          `- Only a verifier of the provider's own exact class decides these within this run (there by the first reply that differs): ${listCode(names(onlyExact))}.`,
        ]),
    ...describeElsewhere(elsewhere),
    ...describeSingles(attacks.filter(({ attack }) => !known.has(attack))),
  ];
  return parts.length === 0
    ? 'No attack of the catalogue passed in this run. That says nothing about those that are not in it.'
    : parts.join('\n');
}

function describeElsewhere(rows: readonly AttackRow[]): string[] {
  if (rows.length === 0) return [];
  const pairs = [...new Set(rows.map(formatPair))];
  const count = (pair: string): number => rows.filter((row) => formatPair(row) === pair).length;
  return [
    `- Between other classes these rows stayed open within this run: ${pairs.map((pair) => `${count(pair)} of ${pair}`).join(', ')}. ` +
      'Most change values by no more than honest drift does; [attacks](attacks.md#open-between-classes) names them.',
  ];
}

/** The share of single replies that pass, for attacks whose replies sometimes contain nothing that refutes them. */
function describeSingles(attacks: readonly AttackRow[]): string[] {
  const rows = attacks.filter(
    (row) =>
      row.tokensToDecide === undefined && findingOf(row) === 'several' && isDecided({ ...row, equality: undefined }),
  );
  if (rows.length === 0) return [];
  const shares = rows.map((row) => `\`${row.attack}\` as ${row.weights} (${formatPercent(1 - computeRefuted(row))} %)`);
  return [`- Found over several replies, while this share of single ones passes: ${shares.join(', ')}.`];
}

const listCode = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

function formatAimCounts(results: DetectionResults): string {
  const { met, missed, undecided } = countOutcomes(results);
  const names = results.aims.filter((aim) => outcomeOf(aim) === 'missed').map(({ aim }) => `- MISSED: ${aim}`);
  const counts = `Of ${results.aims.length} [aims](aims.md) ${met} are met, ${missed} are missed, and ${undecided} are not decided by this sample.`;
  return names.length === 0 ? counts : `${counts}\n\n${names.join('\n')}`;
}

const LINKS = `- [Aims](aims.md): each with what was measured, and why it is missed.
- [Attacks](attacks.md): a line for each attack, hardest first; the CSV that the last command below writes has every figure of every pair of classes.
- [Honest providers](honest.md): drift, equality, conversations, ejections; [honest.csv](honest.csv) has every pair.
- [Verifiers](verifiers.md): lazy and lying ones, wrong class claims, who can tell an audit.
- [Classes](classes.md): which settings share a numeric class. [results.json](results.json) is what these pages are made from
  ([schema](../schema/detection.schema.json)).
- [Cards](cards.md): a real GPU, by Vulkan and CUDA.
- [Bench](../bench.md): what checking costs. [Limits](limits.md): what the checks do not see. [Open problems](../open-problems.md): what is weak around them.`;

function formatRun({ profile, seed, code, engine, machine, day, elapsedS, command }: DetectionResults): string {
  return `\`\`\`sh
npm run detect                      # a few minutes: every attack once, ends with ten lines that say what was found
${command}${' '.repeat(Math.max(1, 36 - command.length))}# this page's run: hours; samples are kept, and a stopped run goes on
node lab/src/detection/render-main.ts docs/detection/results.json docs/detection   # these pages again, from their data
node lab/src/detection/render-main.ts docs/detection/results.json attacks.csv      # every figure of every attack as CSV, from the same data
\`\`\`

This run: profile ${profile}, seed ${seed}, code ${code}, ${engine}, ${machine}, ${day}, ${formatNumber(elapsedS / 60)} minutes from its last start. The same
seed and samples give the same figures.`;
}

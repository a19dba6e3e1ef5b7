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
import { formatCount, formatNumber, formatPercent } from './number-text.ts';
import { FAMILY_TEXT, HOW_CHECKED, HOW_SURE } from './page-text.ts';
import { formatPairs } from './render-tables.ts';
import { formatTable } from './table.ts';

/** Returns the main page of the report: caught and uncaught attacks, certainty, and how to run it. */
export function formatPage(results: DetectionResults): string {
  return [
    '# Attacks that the checks catch, and attacks that pass',
    formatOpening(results),
    ...(results.caveat === undefined ? [] : [results.caveat]),
    '## How a reply is checked',
    HOW_CHECKED,
    '## What is caught',
    formatFamilies(results.attacks),
    '### Between classes',
    'Provider and verifier of unlike classes, all attacks that leave values to compare. "Decided" counts those that reach a million to one within the ' +
      'replies of this run; the tokens are the median over them.',
    formatPairs(results),
    '## What is not caught',
    formatOpen(results),
    '## How sure',
    HOW_SURE,
    formatAimCounts(results),
    '## Run it',
    formatRun(results),
    '## All figures',
    LINKS,
  ]
    .join('\n\n')
    .concat('\n');
}

function formatOpening(results: DetectionResults): string {
  const { first, inClass, several, open } = groupByFinding(results.attacks);
  const honest = countHonestRejects(results);
  const all = first.length + inClass.length + several.length + open.length;
  if (all === 0) return '**No attack was played in this run.**';
  const bound =
    honest.stage1.of === 0 ? '' : ` (at 95 % confidence fewer than ${formatPercent(honest.stage1.high)} % are)`;
  return [
    `**${formatCount(all)} attacks** were played against the unchanged checks, with real weights, each next to honest providers.`,
    `**${formatCount(first.length)}** are caught by their first reply, by any validator and without a model. ` +
      `**${formatCount(inClass.length)}** are caught by their first reply if a verifier of the provider's exact class runs it again. ` +
      `**${formatCount(several.length)}** are caught within several replies, and **${formatCount(open.length)}** by no check in this run.`,
    `Of ${formatCount(honest.stage1.of)} honest replies, replaying the draws refuted ${formatCount(honest.refuted)}${bound}. Of ` +
      `${formatCount(honest.rerunTokens)} honest tokens run again in their exact class, ${formatCount(honest.differing)} differed.`,
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
    ['attack', ({ family }) => FAMILY_TEXT[family] ?? ''],
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
      'Most change values by no more than honest drift does; `attacks.md` names them.',
  ];
}

/** The share of single replies that pass, for attacks whose replies sometimes contain nothing that refutes them. */
function describeSingles(attacks: readonly AttackRow[]): string[] {
  const rows = attacks.filter(
    (row) =>
      row.tokensToDecide === undefined && findingOf(row) === 'several' && isDecided({ ...row, equality: undefined }),
  );
  if (rows.length === 0) return [];
  const shares = rows.map(
    (row) => `  - \`${row.attack}\` as ${row.weights}: ${formatPercent(1 - computeRefuted(row))} %`,
  );
  return ['- Found over several replies, while this share of single ones passes:', ...shares];
}

const listCode = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

function formatAimCounts(results: DetectionResults): string {
  const { met, missed, undecided } = countOutcomes(results);
  const names = results.aims.filter((aim) => outcomeOf(aim) === 'missed').map(({ aim }) => `- MISSED: ${aim}`);
  const counts = `Of ${results.aims.length} [aims](aims.md) ${met} are met, ${missed} are missed, and ${undecided} are not decided by this sample.`;
  return names.length === 0 ? counts : `${counts}\n\n${names.join('\n')}`;
}

const LINKS = `Kept in git:

- [Aims](aims.md): each with its measurement, and the reason for a miss.
- [Verifiers](verifiers.md): lazy and lying ones, and how well an audit can be recognised.
- [Cards](cards.md): a real GPU, by Vulkan and CUDA.
- [Pictures](pictures.md): attackers of pictures, and the drift of honest machines.
- [Vision](vision.md): attackers of questions about pictures.
- [Limits](limits.md) of the checks. [Open problems](../open-problems.md): weaknesses around them. [Bench](../bench.md): the cost of checking.

Written beside this page by \`--write docs/detection\`, and ignored by git:

- \`attacks.md\`: a line for each attack, hardest first, with plots.
- \`honest.md\` and \`honest.csv\`: drift, equality, conversations and ejections of honest providers.
- \`results.json\`: all figures, from which every page can be made again ([schema](../schema/detection.schema.json)).

\`ogong calibrate classes --write DIR\` lists the settings that share a numeric class on a machine.`;

function formatRun({ profile, seed, code, engine, machine, day, elapsedS, command }: DetectionResults): string {
  return `\`\`\`sh
npm run detect                      # a few minutes: every attack once, ends with ten lines that say what was found
${command} --write docs/detection   # this page's run: hours; samples are kept, and a stopped run goes on
node scripts/run.mjs lab/src/detection/render-main.ts RESULTS.json docs/detection   # these pages again, from their data
node scripts/run.mjs lab/src/detection/render-main.ts RESULTS.json attacks.csv      # all figures of all attacks as CSV
\`\`\`

This run: profile ${profile}, seed ${seed}, code ${code}, ${engine}, ${day}, ${formatNumber(elapsedS / 60)} minutes from its last start.
Machine: ${machine}. The same seed and samples give the same figures.`;
}

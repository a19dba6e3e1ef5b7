import { ATTACKS, MISSING } from '../../attackers/catalogue.ts';
import type { AimRow, AttackRow, DetectionResults } from '../results.ts';
import { computeRefuted, formatPair, groupByFamily, isDecided, isMet } from '../standing.ts';
import { BESIDE_READING } from './first-measurement.ts';
import { listFigures } from './list-figures.ts';
import { formatCount, formatNumber } from './number-text.ts';
import { HARD_AUC } from './plot-curves.ts';
import type { Figure } from './plot-style.ts';
import {
  formatAims,
  formatAttacks,
  formatAuditTells,
  formatBeside,
  formatClassClaims,
  formatConversations,
  formatEjections,
  formatEqualities,
  formatHonest,
  formatLadder,
  formatOtherModels,
  formatOtherPairs,
  formatStage1,
  formatVerifiers,
} from './render-tables.ts';

/** Where the page's pictures lie, beside the page. */
export const PLOTS = 'plots';
/** Where the results of `npm run equality` lie, beside the page. */
export const CONVERSATIONS = 'conversations';

/** The report in Markdown: what passes first, then aims, then everything measured. */
export function formatPage(results: DetectionResults): string {
  const families = [...groupByFamily(results.attacks)];
  const figures = listFigures(results);
  const show = (part: Figure['part']): string[] => figures.filter((figure) => figure.part === part).map(formatFigure);
  const curves = show('curves');
  return [
    '# What the checks catch, and what passes',
    formatOpening(results),
    '## Aims',
    formatAims(results.aims),
    'What equality costs (an audit beside a plain prefill, a scheduler that stays in a class beside one that does not) is measured by `npm run bench`: ' +
      '[bench](../bench.md) has it, with the aims that it misses. Lifetimes of lazy verifiers rest on few runs each.',
    '## How to read this page',
    READING,
    '## Attacks',
    ...(families.length === 0 ? ['Not measured in this run.'] : []),
    ...show('attacks'),
    ...families.flatMap(([family, rows]) => [
      `### ${family.charAt(0).toUpperCase()}${family.slice(1)}`,
      formatAttacks(rows),
    ]),
    '### Between other classes',
    OTHER_PAIRS_READING,
    ...(results.otherPairs.some(({ verifier }) => verifier === 'vulkan') ? [BETWEEN_READING] : []),
    formatOtherPairs(results),
    '### Beside the first measurement',
    BESIDE_READING,
    formatBeside(results),
    '### Lower steps of the ladder',
    'Each step of the quant ladder sold as the next higher one, below F16 and Q8_0, which the tables above have. No row was measured for ' +
      'these weights: in an exact class the first token differs, elsewhere fixed limits decide.',
    formatLadder(results),
    '### Not played',
    formatMissing(),
    '### Curves of the hard attacks',
    ...(curves.length > 0 ? curves : [`No attack has an area under its curve below ${HARD_AUC}.`]),
    '## Honest drift',
    'Provider stepwise, verifier teacher-forced. Scores per window of 32 tokens: median, 99 % quantile with its upper 95 % limit, largest. ' +
      'Of the pair that attacks are measured in also by the kind of prompt.',
    ...show('drift'),
    formatHonest(results.honest),
    '### Rows of another model',
    'Honest replies, judged by what was measured between the same classes on another model. Where one in a hundred should be rejected ' +
      'and far more are, a model needs rows of its own: a drift table is looked up by model.',
    formatOtherModels(results),
    '## Stage 1 on honest replies',
    formatStage1(results),
    '## Exact classes',
    'Inside one class an audit is a comparison of bytes: one differing token decides.',
    formatEqualities(results),
    '### Conversations',
    'Served side by side, one to eight at a time, of one to three turns that carry each other on or begin anew: prompts of all kinds and ' +
      'lengths, any sampler settings, prefixes from the cache, drafts, some cancelled; every reply run again by a verifier. ' +
      `Each row is a run of \`npm run equality\`, whose file lies in \`${CONVERSATIONS}/\`.`,
    formatConversations(results),
    '## Claims of a wrong class',
    'A provider of the exact class may declare another one, in the hope of a wider tolerance. In its own it is refuted by the ' +
      'first tokens that differ; in the claimed one it meets what honest machines of that class show. The detector knows the cheat by ' +
      'other replies of its own, as that of every table above does.',
    formatClassClaims(results),
    '## Honest providers ejected',
    'Lifetimes of honest providers, simulated from measured drift with its measured correlation; the bound is what the test promises.',
    formatEjections(results),
    '**As served**: replies of a real run that nothing was fitted to, in the order of their requests and none drawn again, each half by the table that the other half made.',
    '## Lazy and lying verifiers',
    'Among four honest verifiers, with the code of a validator on a model for tests. Who is excluded is no longer drawn; shares of replies are of those that were audited.',
    formatVerifiers(results),
    '### Who can tell an audit',
    'A provider, when it serves, has the order, the request and the clock; which replies are audited is drawn after it committed. Verifiers have ' +
      'their jobs, alone or put together. A classifier on all that they see, trained in one network and asked in another: an AUC of 0.5 is chance.',
    formatAuditTells(results),
    '## This run',
    formatRun(results),
  ]
    .join('\n\n')
    .concat('\n');
}

const formatFigure = ({ name, title, caption }: Figure): string =>
  `![${title}](${PLOTS}/${name}.svg)\n\n*${title}.* ${caption} ([PNG](${PLOTS}/${name}.png))`;

/** What passes and what was missed stand before everything else. */
function formatOpening({ caveat, notCaught, aims, attacks, otherPairs }: DetectionResults): string {
  const missed = aims.filter((aim) => !isMet(aim));
  const known = new Set(notCaught.map(({ attack }) => attack));
  const open = attacks.filter((row) => !isDecided(row) && !known.has(row.attack));
  const byEquality = attacks.filter(
    (row) => isDecided(row) && !isDecided({ ...row, equality: undefined }) && !known.has(row.attack),
  );
  return [
    [
      `**Not caught.** ${listNotCaught(notCaught) || 'No attack of the catalogue is without a check. That says nothing about those that are not in it.'}`,
      open.length === 0
        ? `Every other one of the ${formatCount(attacks.length)} rows of attacks below is decided by some check.`
        : `Decided by no check in this run, of ${formatCount(attacks.length)} rows below: ${listSold(open)}${listReasons(open)}.`,
      ...(byEquality.length === 0
        ? []
        : [`Between classes not within the replies of this run, in an exact class at once: ${listSold(byEquality)}.`]),
      ...describeSingles(attacks.filter(({ attack }) => !known.has(attack))),
    ].join(' '),
    ...describeElsewhere(otherPairs.filter((row) => !isDecided(row) && !known.has(row.attack))),
    ...(caveat === undefined ? [] : [caveat]),
    aims.length === 0
      ? '**No aim was measured.**'
      : missed.length === 0
        ? `All ${aims.length} aims are met.`
        : `**Aims missed: ${missed.length} of ${aims.length}.**\n\n${missed.map(formatMiss).join('\n')}`,
  ].join('\n\n');
}

const ALL_SINGLES = 0.99;

/** Where checks refute some replies and values tell nothing: whoever is seen by single replies alone. */
function describeSingles(attacks: readonly AttackRow[]): string[] {
  const rows = attacks.filter(
    (row) =>
      row.tokensToDecide === undefined &&
      isDecided({ ...row, equality: undefined }) &&
      computeRefuted(row) < ALL_SINGLES,
  );
  if (rows.length === 0) return [];
  const names = rows.map(
    (row) => `${row.attack} as ${row.weights} (${formatNumber(100 * (1 - computeRefuted(row)))} %)`,
  );
  return [`Found over several replies, while of single ones this share passes: ${names.join(', ')}.`];
}

/** What no reply of the run decided between the other pairs of classes, where no equality helps. */
function describeElsewhere(open: readonly AttackRow[]): string[] {
  const pairs = [...new Set(open.map(formatPair))].map(
    (pair) => `- ${pair}: ${listSold(open.filter((row) => formatPair(row) === pair))}`,
  );
  return pairs.length === 0
    ? []
    : [`Not within the replies of this run between other pairs of classes:\n\n${pairs.join('\n')}`];
}

const formatMissing = (): string =>
  Object.entries(MISSING)
    .map(([attack, why]) => `- ${attack}: ${why}.`)
    .join('\n');

/** Attacks that escape for one reason are named together. */
function listNotCaught(notCaught: DetectionResults['notCaught']): string {
  const reasons = [...new Set(notCaught.map(({ why }) => why))];
  const namesOf = (reason: string): string =>
    notCaught
      .filter(({ why }) => why === reason)
      .map(({ attack }) => attack)
      .join(', ');
  return reasons.map((reason) => `${namesOf(reason)}: ${reason}.`).join(' ');
}

/** Who does not see them, where the catalogue knows. */
function listReasons(rows: readonly AttackRow[]): string {
  const reasons = [...new Set(rows.map(({ attack }) => attack))].flatMap((name) => {
    const { uncaught } = ATTACKS.find((attack) => attack.name === name) ?? {};
    return uncaught === undefined ? [] : [`${name} passes ${uncaught}`];
  });
  return reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
}

/** Attacks by what they are sold as; one that is open in several pairs stands once. */
function listSold(rows: readonly AttackRow[]): string {
  const kinds = [...new Set(rows.map(({ weights }) => weights))];
  const namesOf = (kind: string): string[] => [
    ...new Set(rows.filter(({ weights }) => weights === kind).map(({ attack }) => attack)),
  ];
  return kinds.map((kind) => `sold as ${kind}, ${namesOf(kind).join(', ')}`).join('; ');
}

function formatMiss({ aim, measured: given, note }: AimRow): string {
  const measured = given.trim() || NOT_MEASURED;
  const unknown = measured === NOT_MEASURED ? 'This profile samples none of it.' : 'No reason known.';
  return `- MISSED: ${aim}: ${measured}. ${note.trim() || unknown}`;
}

const NOT_MEASURED = 'not measured';

const READING = `- **Shares** come with their 95 % interval: 99.6 % (98.2..99.9). Only what was never missed reads 100 %.
- **Caught per 32 tokens, 1e-4**: windows of 32 tokens that the values alone reject, at the threshold which one honest window in
  10,000 exceeds; per reply the same for whole replies. **fit** behind a share: the honest sample is too small for that
  threshold, which then lies on the tail of an extreme value distribution fitted to it, for some of them or for all.
- **Fixed 0.10 / 0.10 passes**: windows that the one fixed pair of thresholds for all classes and weights lets pass, on the
  sketch distance and the Kolmogorov-Smirnov distance of the log-probabilities. It stands here to compare with; it is used only where no measured row exists.
- **Tokens to 1e6 : 1**: tokens of one provider, in replies of 32, until the evidence against it reaches a million to one; median, and
  in brackets the 90 % quantile, over orders of its replies, none of which comes twice. **Replies to 1e6 : 1**: the same in whole
  replies. **Not reached**: not within the replies of this run.
- **Stage 1**: replies that the replay of the draws refutes by itself, without a model. **Exact class**: replies that differ where
  a verifier of the provider's own exact class runs again, in a value or in what the engine chooses, the median of the first
  differing token, and the latest.
- **Found by**: rejected replies by the check that rejected them, at the rates that validators have by default: \`likelihood\` where the rank
  is at most 1e-3, \`fixed limits\` where no honest reply lies as far and they are too few for such a rank, or none is anything like it. **Named**: of those by
  scores, the ones whose most likely attack is of this one's kind; **named exactly** is this very attack, where several of a kind compute the same.
  **AUC**: of the values, per window, against honest windows of the same pair.
- **Coherence**: the squared length of the sum of the unit vectors of a reply's sketch differences, over their number: about 1 where they point anywhere, their
  number where all point one way; median over replies.
- **Check / serving**: time of the verifier's run over the time of serving, median over replies, both on this machine while others shared it.
- **Provider → verifier**: the settings of the engine on either side. An empty cell was not measured, or does not apply.`;

const OTHER_PAIRS_READING =
  'The same attacks where provider and verifier are of other classes, each pair with honest replies and rows of its own: AUC per window, the share of ' +
  'windows caught at a false-reject rate of 1e-4, and tokens to 1e6 : 1. Few honest replies were sampled of a pair that the tables above do not have, and evidence comes from ranks among them: a cheat that every reply ' +
  'shows takes some replies more there for that reason alone. Where a verifier computes prompts as the provider does, pre-filled values are its own to the bit and lie ' +
  'closer than honest ones, an AUC below one half: draws decide there. Every figure of a pair is in `attacks.csv`.';

const BETWEEN_READING =
  'Between the CPU and another back end first windows were sampled alone, in F16, of the cheats that come closest to honest drift and compute something else throughout.';

function formatRun(results: DetectionResults): string {
  const { profile, seed, code, engine, machine, day, elapsedS, command } = results;
  return `\`\`\`sh
${command}
node lab/src/detection/render-main.ts docs/detection/results.json docs/detection   # this page again, from its data
\`\`\`

Profile ${profile}, seed ${seed}, code ${code}, ${engine}; ${machine}; ${day}, ${formatNumber(elapsedS / 60)} minutes from its last start
to this page (samples are kept, and a run goes on from them). The same seed gives the same figures from the same samples; replies are served anew to the
same bits in exact classes, and where streams share passes of \`fast\` kernels to bits that hang on time. Beside this page: \`attacks.csv\` and \`honest.csv\` with every
figure of the tables, \`results.json\` with the curves as well ([schema](../schema/detection.schema.json)).`;
}

import { TRAJECTORY_FALLBACK } from '@ogong/protocol/modality/trajectory/adjudicate';
import { AUDITED_STEPS } from '@ogong/protocol/modality/trajectory/audit-job';
import { formatMarkdownTable } from '../../markdown-table.ts';
import { formatCount, formatNumber, formatSpread } from '../spread.ts';
import type { AttackPictures, HonestPictures, PictureAudits, PictureModelResult, PictureRun } from './results.ts';

const introduce = ({ machine, day, steps }: PictureRun): string => `# Pictures: attackers and honest providers

[Back to the report](README.md)

This page says which cheats with pictures are caught, by which check, and how far honest machines differ. \`npm run detect:pictures -- --write\`
measures it again. Two trained models of 32x32 pixels serve pictures of ${steps} steps, and attackers serve cheaper ones in their place. Every
attacker commits consistently where it can. Changed pictures have a strength of 0.5, so half of the steps run.
${day}: ${machine}.

A reply is checked twice ([trajectory](../spec/trajectory.md)):

- **Gateway.** It fetches the outputs of all steps and computes every latent again, without a model. A validator does the same.
- **Audit.** A verifier runs ${AUDITED_STEPS} drawn steps again and decodes the last latent. It also encodes a picture to change. In the provider's
  exact class every bit must agree. Another class compares distances. Without a drift table it rejects above ${TRAJECTORY_FALLBACK.output.reject} of an output or
  ${TRAJECTORY_FALLBACK.pixels.reject} of the picture. Above ${TRAJECTORY_FALLBACK.output.doubt} or ${TRAJECTORY_FALLBACK.pixels.doubt} it is inconclusive, which is no catch. \`ogong calibrate pictures\` measures a table. Its limits
  for outputs follow from the largest honest distance.

Three numbers in a cell are the least, the median and the largest value.
`;

const NOTES = `## What one audit can miss

A cheat in a few steps passes an audit that draws other steps. With f false steps of N, an audit of two steps catches it with a probability of
1 - (N - f)(N - f - 1) / (N (N - 1)).

- \`repeated-tenth\` saves a tenth of the work at most. A caught provider loses the fee and its place.
- \`cached-joined\` is the strongest attack here. The outputs of a cached picture are true for its latents. Only the first outputs are false,
  because they lead from the order's noise to these latents. The attack needs an earlier order with the same prompt, and it costs no work.
  The first false output is 5 to 16 times as far from the true one as the true one is long. So the first audited step is drawn by the squared
  length of its output ([open problems](../open-problems.md)).
- Weights in f16 lie near the fixed limits, so many audits in another class are inconclusive. The limits of a drift table reject them.
- Drift tables have no limits for the encoder of pictures to change. \`source-f16\` lies between the fixed ones, so another class leaves it open.
`;

/** Renders the page. */
export function formatPictures(run: PictureRun): string {
  return [introduce(run), ...run.models.map(formatModel), NOTES, formatAims(run)].join('\n');
}

function formatModel({ name, sampler, measured, honest, attacks }: PictureModelResult): string {
  const cheats = attacks.filter(({ same }) => same !== undefined);
  return [
    `## \`${name}\`, ${sampler}\n`,
    `The table's row rests on ${measured.pictures} pictures. Its largest distance of an output is ${formatNumber(measured.output)}. It rejects above ` +
      `${formatNumber(measured.reject)} and is inconclusive above ${formatNumber(measured.doubt)}.\n`,
    'Honest providers, by the fixed limits and by the table alike:\n',
    formatMarkdownTable(
      ['picture', 'provider', 'verifier', 'refused', 'rejected', 'inconclusive', 'distance of outputs', 'of pictures'],
      honest.map(formatHonest),
    ),
    '\nRefused by the gateway:\n',
    formatMarkdownTable(
      ['attack', 'refused', 'by'],
      attacks
        .filter(({ refused }) => refused > 0)
        .map(({ name: attack, refused, replies, refusedBy }) => [
          `\`${attack}\``,
          formatCount(refused, replies),
          refusedBy.join(', '),
        ]),
    ),
    '\nCaught by an audit:\n',
    formatMarkdownTable(
      [
        ...['attack', 'exact class', 'by', 'other class, fixed limits', 'inconclusive', 'drift table', 'inconclusive'],
        ...['by', 'distance of outputs', 'of pictures'],
      ],
      cheats.map(formatAttack),
    ),
    '',
  ].join('\n');
}

const formatHonest = ({ request, provider, verifier, refused, audits }: HonestPictures): string[] => [
  request,
  nameBackend(provider),
  provider === verifier ? 'the same class' : nameBackend(verifier),
  formatCount(refused, audits.audits),
  formatCount(audits.rejected, audits.audits),
  formatCount(audits.inconclusive, audits.audits),
  formatSpread(audits.outputs),
  formatSpread(audits.pixels),
];

function formatAttack({ name, same, other }: AttackPictures): string[] {
  const rejectedOf = (audits: PictureAudits | undefined): string =>
    audits ? formatCount(audits.rejected, audits.audits) : '-';
  return [
    `\`${name}\``,
    rejectedOf(same),
    same?.by.join(', ') ?? '-',
    rejectedOf(other),
    String(other?.inconclusive ?? '-'),
    other ? formatCount(other.byTable.rejected, other.audits) : '-',
    String(other?.byTable.inconclusive ?? '-'),
    other?.by.join(', ') || '-',
    formatSpread(other?.outputs),
    formatSpread(other?.pixels),
  ];
}

function formatAims({ models: [first] }: PictureRun): string {
  const rows = (first?.attacks ?? []).map(({ name, aim }) => [`\`${name}\``, aim]);
  return ['## Attacks\n', formatMarkdownTable(['attack', 'delivery'], rows), ''].join('\n');
}

/** The second part of a class: `cpu` is the native build. */
const nameBackend = (numericClass: string): string => {
  const [, backend = ''] = numericClass.split('/');
  return backend === 'cpu' ? 'native' : 'WebAssembly';
};

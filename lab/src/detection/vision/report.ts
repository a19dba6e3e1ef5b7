import { DISTANCE_UNIT, MAX_PICTURE_DISTANCE } from '@ogong/protocol/modality/text/stage2/picture-rows';
import { formatMarkdownTable } from '../../markdown-table.ts';
import { formatCount, formatSpread } from '../spread.ts';
import type { AttackVision, EncoderBuild, HonestVision, RefusedReplies, VisionAudits, VisionRun } from './results.ts';

const LIMIT = (MAX_PICTURE_DISTANCE * DISTANCE_UNIT).toExponential(0);

const introduce = ({
  machine,
  day,
  model,
}: VisionRun): string => `# Questions about pictures: attackers and honest providers

[Back to the report](README.md)

This page says which cheats with questions about pictures are caught, and by which check. \`npm run detect:vision -- --write\` measures it again.
The model is \`${model}\`: a trained encoder of pictures of 32x32 pixels and a small language model in q8_0. Every attacker commits
consistently where it can. ${day}: ${machine}.

A model reads a picture as rows of numbers, and the provider commits these rows ([commitment](../spec/commitment.md#pictures)). A reply is
checked three times:

- **Gateway.** It checks the header against the request, without the rows.
- **Validator.** It fetches the rows. A reply whose rows do not come has no opening, so the provider is not paid.
- **Audit.** A verifier encodes the pictures of the request itself. It rejects rows farther than ${LIMIT} from its own. Then it runs the
  language model on the committed rows, and every bit must agree in the provider's exact class.

Provider and verifiers share the class of the language model. Their encoders run in the native build or in WebAssembly. Answers are drawn
at temperature 1, so some honest ones are wrong. Three numbers in a cell are the least, the median and the largest distance.
`;

const NOTES = `## What is left open

- Only the encoder is compared by distance. A provider of another class of texts is audited as for any text, by a drift table.
- The gap between honest builds and weights in f16 is that of this small encoder. A large one may differ more ([open problems](../open-problems.md)).
- Cheats with the text itself are those of the [report](README.md): the rows are part of the prompt.
`;

/** Renders the page. */
export const formatVision = (run: VisionRun): string =>
  [
    introduce(run),
    formatHonestTable(run.honest),
    formatRefusals(run.attacks),
    formatAudits(run.attacks),
    NOTES,
    formatAims(run.attacks),
  ].join('\n');

function formatHonestTable(honest: readonly HonestVision[]): string {
  const rows = honest.flatMap(({ provider, replies, right, refused, audits }) =>
    Object.entries(audits).map(([verifier, found]) => [
      ...[provider, provider === verifier ? 'the same class' : verifier, formatCount(right, replies)],
      ...[formatCount(refused, replies), formatCount(found.rejected, found.audits)],
      ...[formatCount(found.inconclusive, found.audits), formatSpread(found.distances)],
    ]),
  );
  const head = ['provider', 'verifier', 'right answers', 'refused', 'rejected', 'inconclusive', 'distance of rows'];
  return ['## Honest providers\n', formatMarkdownTable(head, rows), ''].join('\n');
}

function formatRefusals(attacks: readonly AttackVision[]): string {
  const rows = attacks.flatMap(({ name, replies, gateway, validator }) =>
    (
      [
        ['gateway', gateway],
        ['validator', validator],
      ] as const satisfies readonly (readonly [string, RefusedReplies])[]
    )
      .filter(([, refused]) => refused.replies > 0)
      .map(([role, refused]) => [`\`${name}\``, formatCount(refused.replies, replies), role, refused.by.join(', ')]),
  );
  const head = ['attack', 'refused', 'role', 'by'];
  return ['## Refused without an audit\n', formatMarkdownTable(head, rows), ''].join('\n');
}

function formatAudits(attacks: readonly AttackVision[]): string {
  const rows = attacks
    .filter(({ audits: { native } }) => native !== undefined)
    .map(({ name, audits }) => [
      `\`${name}\``,
      ...formatFound(audits, 'native'),
      ...formatFound(audits, 'WebAssembly'),
    ]);
  const head = [
    ...['attack', 'native verifier', 'by', 'distance of rows'],
    ...['WebAssembly verifier', 'by', 'distance of rows'],
  ];
  return ['## Caught by an audit\n', formatMarkdownTable(head, rows), ''].join('\n');
}

function formatFound(audits: AttackVision['audits'], build: EncoderBuild): string[] {
  const found: VisionAudits | undefined = audits[build];
  if (found === undefined) return ['-', '-', '-'];
  return [formatCount(found.rejected, found.audits), found.by.join(', '), formatSpread(found.distances)];
}

function formatAims(attacks: readonly AttackVision[]): string {
  const rows = attacks.map(({ name, aim }) => [`\`${name}\``, aim]);
  return ['## Attacks\n', formatMarkdownTable(['attack', 'delivery'], rows), ''].join('\n');
}

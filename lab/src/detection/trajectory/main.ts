// npm run detect:pictures: plays attackers of pictures and honest providers, and measures which checks catch them.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ONNX_VERSION } from '@ogong/engine/onnx/numeric-class';
import { TINY_PICTURE_MODELS, type TinyPictureModel } from '@ogong/testing/models/picture-folder';
import { describeMachine } from '../../bench/report.ts';
import { listMistakes } from './gate.ts';
import { measurePictures } from './measure.ts';
import { formatPictures } from './report.ts';
import type { PictureModelResult, PictureRun } from './results.ts';

const docs = resolve(import.meta.dirname, '../../../../docs/detection');
const help = `usage: npm run detect:pictures [-- options]

Serves pictures of two small trained models, honestly and by each attacker, and audits them in the
provider's class and in another one. Exits with 1 if an honest picture is refused or doubted, or if
a cheat in all steps passes an audit in its exact class.

  --only NAME     one of ${TINY_PICTURE_MODELS.join(', ')}
  --steps N       steps of each picture, an even number; 20 if not given
  --replies N     replies of each attack; 20 if not given. Honest providers, and attackers that cheat
                  in some steps, serve five times as many
  --json FILE     results as JSON
  --write         renew docs/detection/pictures.md and pictures.json; not with --only
  --help
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    steps: { type: 'string', default: '20' },
    replies: { type: 'string', default: '20' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const [steps, replies] = [Number(values.steps), Number(values.replies)];
const isModel = (name: string): name is TinyPictureModel => TINY_PICTURE_MODELS.some((one) => one === name);
const problem =
  values.only !== undefined && !isModel(values.only)
    ? `unknown model: ${values.only}`
    : values.only !== undefined && values.write
      ? '--write renews the whole page: leave --only out'
      : !Number.isInteger(steps) || steps < 2 || steps % 2 !== 0
        ? '--steps is an even number'
        : !Number.isInteger(replies) || replies < 1
          ? '--replies is a number from 1'
          : undefined;
if (problem !== undefined) {
  console.error(problem);
  process.exit(2);
}

const machine = describeMachine({ Node: process.version.slice(1), 'ONNX Runtime': ONNX_VERSION });
const asked = TINY_PICTURE_MODELS.filter((name) => values.only === undefined || name === values.only);
const models: PictureModelResult[] = [];
for (const model of asked) {
  const onProgress = (done: string): void => console.error(done);
  models.push(await measurePictures(model, { steps, replies, honestReplies: 5 * replies, onProgress }));
}
const run: PictureRun = { version: 2, machine, day: new Date().toISOString().slice(0, 10), steps, models };
const json = `${JSON.stringify(run, undefined, 1)}\n`;
const page = formatPictures(run);
if (values.json !== undefined) writeFileSync(values.json, json);
if (values.write) {
  writeFileSync(join(docs, 'pictures.json'), json);
  writeFileSync(join(docs, 'pictures.md'), page);
}
console.log(page);
const mistakes = listMistakes(run);
for (const mistake of mistakes) console.error(mistake);
if (mistakes.length > 0) process.exitCode = 1;

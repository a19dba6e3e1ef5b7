// npm run detect:vision: plays attackers of questions about pictures and honest providers, and measures which checks catch them.
import { writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LLAMA_VERSION } from '@ogong/engine/llama-cpp/device/platform';
import { ONNX_VERSION } from '@ogong/engine/onnx/numeric-class';
import { TINY_VISION_MODEL } from '@ogong/testing/models/vision-folder';
import { describeMachine } from '../../bench/report.ts';
import { listMistakes } from './gate.ts';
import { measureVision } from './measure.ts';
import { formatVision } from './report.ts';
import type { VisionRun } from './results.ts';

const docs = resolve(import.meta.dirname, '../../../../docs/detection');
const help = `usage: npm run detect:vision [-- options]

Answers questions about pictures with a small trained model, honestly and by each attacker. Verifiers audit
the answers with native encoders and with encoders in WebAssembly. Exits with 1 if an honest answer is not
accepted, or if a cheat passes.

  --replies N     replies of each attack; 24 if not given. Honest providers serve four times as many
  --json FILE     results as JSON
  --write         renew docs/detection/vision.md and vision.json
  --help
`;

const { values } = parseArgs({
  options: {
    replies: { type: 'string', default: '24' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const replies = Number(values.replies);
if (!Number.isInteger(replies) || replies < 1) {
  console.error('--replies is a number from 1');
  process.exit(2);
}

const versions = { Node: process.version.slice(1), 'ONNX Runtime': ONNX_VERSION, 'llama.cpp': LLAMA_VERSION };
const machine = describeMachine(versions);
const onProgress = (done: string): void => console.error(done);
const run: VisionRun = {
  ...{ version: 1, machine, day: new Date().toISOString().slice(0, 10), model: basename(TINY_VISION_MODEL) },
  ...(await measureVision({ replies, honestReplies: 4 * replies, onProgress })),
};
const json = `${JSON.stringify(run, undefined, 1)}\n`;
const page = formatVision(run);
if (values.json !== undefined) writeFileSync(values.json, json);
if (values.write) {
  writeFileSync(join(docs, 'vision.json'), json);
  writeFileSync(join(docs, 'vision.md'), page);
}
console.log(page);
const mistakes = listMistakes(run);
for (const mistake of mistakes) console.error(mistake);
if (mistakes.length > 0) process.exitCode = 1;

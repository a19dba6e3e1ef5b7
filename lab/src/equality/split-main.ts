// npm run equality:split: cuts a random model of every architecture. It runs replies on the slabs and on the whole model, and counts
// those that differ in a bit.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { llamaQuantizer, resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import type { ComparedRows, ComparedRun } from '@ogong/engine/llama-cpp/segment/compare-segments';
import { addRows, compareInChild } from '@ogong/engine/llama-cpp/segment/run-comparison';
import { defineConfig } from '@ogong/host/config/define-config';
import { integer, oneOf } from '@ogong/host/config/values';
import { describeFailure, getExitCode } from '@ogong/host/log/errors';
import { ARCHITECTURES } from '@ogong/testing/models/architectures/catalogue';
import { deepen } from '@ogong/testing/models/architectures/deepen';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { listTestEdges, writeSlabs } from '@ogong/testing/models/cut-model';

const config = defineConfig({
  name: 'npm run equality:split --',
  summary:
    'Cuts random models of every architecture that may be cut, and runs replies on the slabs and on the whole model: alone and\n' +
    'side by side, prompts in pieces, guesses. Exits with 1 if a bit of a logit differs.',
  fields: {
    architecture: {
      schema: oneOf(ARCHITECTURES.map(({ name }) => name)),
      description: 'run this one alone',
    },
    seed: { schema: integer({ min: 1, max: 1e6 }), default: '1', description: 'other models and other tokens' },
  },
});

const runsOf = (seed: number): readonly ComparedRun[] => [
  { sequences: 4, promptTokens: 40 + (seed % 40), pieceRows: 16, steps: 16, guesses: 3, seed },
  { sequences: 3, promptTokens: 24, pieceRows: 7, steps: 24, guesses: 0, seed: seed + 1 },
  { sequences: 1, promptTokens: 200, pieceRows: 96, steps: 16, guesses: 5, seed: seed + 2 },
];

async function main(): Promise<void> {
  const parsed = config.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    return;
  }
  const { architecture, seed } = parsed.values;
  const folder = mkdtempSync(join(tmpdir(), 'ogong-equality-split-'));
  let sum: ComparedRows = { replies: 0, differingReplies: 0, rows: 0, differing: 0 };
  try {
    const { path: vocabularyFrom } = await resolveModel('stories260K', { storeDir: folder });
    for (const recipe of ARCHITECTURES.filter(({ name }) => architecture === undefined || name === architecture)) {
      const deep = deepen(recipe, 2);
      const floats = join(folder, 'floats.gguf');
      writeRandomArchitecture(floats, { recipe: deep, seed, vocabularyFrom });
      const isRecurrent = recipe.features.some((feature) => feature.startsWith('recurrent'));
      // Float weights of recurrent layers have no exact class.
      for (const weights of isRecurrent ? ['q8_0'] : ['f16', 'q8_0']) {
        const modelPath = join(folder, `${weights}.gguf`);
        if (weights === 'f16') copyFileSync(floats, modelPath);
        else await llamaQuantizer.quantize(floats, modelPath, weights);
        for (const edges of listTestEdges(recipe.name, Number(deep.keys.block_count?.value))) {
          const slabPaths = writeSlabs(modelPath, edges);
          const compared = await compareInChild({ modelPath, slabPaths, runs: runsOf(seed) });
          sum = addRows(sum, compared);
          console.log(`${`${recipe.name} ${weights} at ${edges.join(', ')}`.padEnd(32)} ${describe(compared)}`);
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log(`${'all'.padEnd(32)} ${describe(sum)}`);
  if (sum.differing > 0) process.exitCode = 1;
}

const describe = ({ replies, differingReplies, rows, differing }: ComparedRows): string =>
  `${replies} replies, ${differingReplies} differ; ${rows} rows of logits, ${differing} differ`;

try {
  await main();
} catch (error) {
  console.error(describeFailure(error));
  process.exitCode = getExitCode(error);
}

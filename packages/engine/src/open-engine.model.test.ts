import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, expect, it } from 'vitest';
import { POOLING_CODES } from './llama-cpp/pooled-context.ts';
import { type Engine, openEngine } from './open-engine.ts';

const DONOR = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
const SHAPE = { embedding: 64, layers: 2, heads: 2, kvHeads: 2, feedForward: 128, context: 128 };
const SETTINGS = { contextSize: 64, sequences: 1, threads: 1 };

const folder = mkdtempSync(join(tmpdir(), 'ogong-open-engine-'));
const opened: Engine[] = [];
afterAll(async () => {
  await Promise.all(opened.map((engine) => engine.close()));
  rmSync(folder, { recursive: true, force: true });
});

it('opens a text engine for a file that writes', async () => {
  const engine = await openEngine({ ...SETTINGS, modelPath: DONOR });
  opened.push(engine);
  if (engine.specificationVersion !== 'text-v1') throw new Error('no text engine');
  expect(await engine.tokenizePrompt({ kind: 'text', text: 'Once' })).not.toHaveLength(0);
});

it('opens an embedding engine for a file that names how it pools', async () => {
  const modelPath = join(folder, 'mean.gguf');
  writeRandomModel(modelPath, { vocabularyFrom: DONOR, shape: { ...SHAPE, poolingCode: POOLING_CODES.mean } });
  const engine = await openEngine({ ...SETTINGS, modelPath });
  opened.push(engine);
  if (engine.specificationVersion !== 'embedding-v1') throw new Error('no embedding engine');
  const { inputs } = await engine.embed({ inputs: ['Once'] });
  expect(inputs[0]?.vector).toHaveLength(SHAPE.embedding);
});

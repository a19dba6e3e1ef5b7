import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { createLlamaEmbeddingEngine } from '@ogong/engine/llama-cpp/embedding-engine';
import { llamaQuantizer } from '@ogong/engine/llama-cpp/llama-quantizer';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAttackPath } from '../attack-path.ts';
import { listFailed } from '../path-consumer.ts';
import { disguiseEmbedding } from './disguise.ts';

const DONOR = fileURLToPath(new URL('../../../../packages/models/models/stories260K.gguf', import.meta.url));
const MEAN = 1;
const SHAPE = { embedding: 128, layers: 3, heads: 4, kvHeads: 2, feedForward: 256, context: 512, poolingCode: MEAN };
const REQUEST = { input: ['the little dog was very happy', 'a cat sat on a mat and then it ran away'] };

const directory = mkdtempSync(join(tmpdir(), 'ogong-embedding-model-'));
let sold: EmbeddingEngine;
let verifying: EmbeddingEngine;
let quantised: EmbeddingEngine;
beforeAll(async () => {
  const [modelPath, cheapPath] = [join(directory, 'f16.gguf'), join(directory, 'q8_0.gguf')];
  writeRandomModel(modelPath, { vocabularyFrom: DONOR, shape: SHAPE });
  await llamaQuantizer.quantize(modelPath, cheapPath, 'q8_0');
  sold = await createLlamaEmbeddingEngine({ modelPath, threads: 1 });
  verifying = await createLlamaEmbeddingEngine({ modelPath, threads: 2 });
  quantised = await createLlamaEmbeddingEngine({ modelPath: cheapPath });
});
afterAll(async () => {
  await Promise.all([sold, verifying, quantised].map((engine) => engine.close()));
  rmSync(directory, { recursive: true, force: true });
});

async function play(name: string, engine: EmbeddingEngine) {
  const path = await openAttackPath(verifying, directory);
  try {
    const provider = await path.start(name, { engine });
    try {
      const { refused, intake, audit, verdict } = await provider.ask(REQUEST, 'embedding');
      return { refused, intake, failed: listFailed(audit), verdict: verdict.verdict, paid: await provider.settle() };
    } finally {
      await provider.close();
    }
  } finally {
    await path.close();
  }
}

describe('embeddings of a model over the network', () => {
  it('are equal bit for bit on one thread and on two, and are paid', async () => {
    const { paid, ...rest } = await play('honest', sold);
    expect(rest).toEqual({ refused: [], intake: undefined, failed: [], verdict: 'accept' });
    expect(paid).toBeGreaterThan(0n);
  });

  it('from quantised weights are told from those of the sold model', async () => {
    const cheat = disguiseEmbedding(sold, async (inputs) => (await quantised.embed({ inputs })).inputs);
    const seen = await play('quantised', cheat);
    expect(seen).toEqual({ refused: [], intake: undefined, failed: ['equality'], verdict: 'reject', paid: 0n });
  });
});

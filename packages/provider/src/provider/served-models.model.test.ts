import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TextEngine } from '@ogong/engine/interface/text';
import { estimateMemory } from '@ogong/engine/llama-cpp/device/memory';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import { collectReply, createRequest, createScoreRequest } from '@ogong/testing/engine/compliance-requests';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { afterAll, expect, it } from 'vitest';
import { openServedModels } from './open-served-models.ts';

const STORIES = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const SHAPE = { embedding: 64, layers: 2, heads: 2, kvHeads: 2, feedForward: 128, context: 256 };
const directory = mkdtempSync(join(tmpdir(), 'ogong-served-models-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('two models under a budget for one: replies of each are the same whenever it comes back, and are scored exactly', async () => {
  const other = join(directory, 'random.gguf');
  writeRandomModel(other, { vocabularyFrom: STORIES, shape: SHAPE });
  const settings = { modelsDir: directory, isa: 'auto', threads: 1, sequences: 1, nCtx: 256 };
  const sizes = [STORIES, other].map(
    (path) => estimateMemory(inspectModelFile(path), { contextSize: 256, sequences: 1, batchSize: 256 }).total,
  );
  const memoryBudget = Math.max(...sizes) + Math.min(...sizes) / 2;
  const models = [STORIES, other].map((path, i) => ({
    ...{ model: `file:${path}`, modelId: `ogong/verified/test/m${i}`, pricePer1kAtomic: 1n },
  }));
  const { offers, close } = await openServedModels(
    models,
    { ...settings, memoryBudget },
    {
      log: { info: () => {}, warn: () => {} },
    },
  );
  try {
    const engines = offers.map(({ engine }) => engine as TextEngine);
    const loaded = () => offers.map(({ presence }) => presence?.isLoaded());
    expect(loaded()).toEqual([true, false]);
    expect(engines.map((engine) => engine.info().exact)).toEqual([true, true]);
    const request = createRequest('Once upon a time', { maxTokens: 24 });
    const ask = (engine: TextEngine) => collectReply(engine.generate(request));
    const [first, second] = [await ask(engines[0]!), await ask(engines[1]!)];
    expect(loaded()).toEqual([false, true]);
    expect(await ask(engines[0]!)).toMatchObject({ outputTokens: first.outputTokens, windows: first.windows });
    for (const [engine, made] of [
      [engines[1]!, second],
      [engines[0]!, first],
    ] as const) {
      const scored = await engine.score(createScoreRequest(engine, request, made));
      expect(scored).toMatchObject({ exact: true, firstOtherChoice: -1, windows: made.windows });
    }
    // One that is in use stays, and the other is refused.
    const release = await offers[0]?.presence?.hold();
    expect(offers[1]?.presence?.hasRoom()).toBe(false);
    await expect(ask(engines[1]!)).rejects.toMatchObject({ code: 'not-enough-memory' });
    release?.();
    await ask(engines[1]!);
  } finally {
    await close();
  }
});

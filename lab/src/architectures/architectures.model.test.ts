import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveRound } from '../equality/serve-round.ts';
import { type MeasureOptions, measureAttack, measureClass, writeModels } from './measure.ts';
import { isExact } from './report.ts';

let options: MeasureOptions;
beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'ogong-architectures-'));
  options = { dir, vocabularyFrom: (await resolveModel('stories260K', { storeDir: dir })).path };
});
afterAll(() => rm(options.dir, { recursive: true, force: true }));

describe('random models of many architectures', () => {
  it.each([
    ['gemma3', 'a sliding window'],
    ['gpt-oss', 'a sliding window, sinks and experts'],
    ['deepseek-v3', 'latent attention'],
    ['granite-hybrid', 'recurrent layers'],
  ])('are reproduced to the last bit: %s, %s', async (name) => {
    const { q8_0 } = await writeModels(findArchitecture(name), options);
    const result = await measureClass(q8_0, 'q8_0', 'exact-tiled');
    expect(result.refusal).toBeUndefined();
    expect(result.served?.replies).toBeGreaterThan(10);
    expect(isExact(result)).toBe(true);
  });

  it('differ in every reply from a model of the same shape with other weights', async () => {
    const recipe = findArchitecture('gemma3');
    const { f16 } = await writeModels(recipe, options);
    const other = join(options.dir, 'other.gguf');
    writeRandomArchitecture(other, { recipe, seed: 2, vocabularyFrom: options.vocabularyFrom });
    const shared = { threads: 1, contextSize: 512 };
    const provider = await createLlamaEngine({ ...shared, modelPath: f16 });
    const verifier = await createLlamaEngine({ ...shared, modelPath: other, sequences: 1 });
    try {
      const { signal } = new AbortController();
      const counts = await serveRound({ provider, verifier, seed: 3, maxTokens: 24, promptTokens: 100, signal });
      expect(counts.replies).toBeGreaterThan(3);
      expect(counts.differing).toBe(counts.replies);
    } finally {
      await Promise.all([provider.close(), verifier.close()]);
    }
  });

  it('show an attacker who serves other weights', async () => {
    const { q8_0 } = await writeModels(findArchitecture('qwen3moe'), options);
    expect(await measureAttack('substitute', q8_0, options)).toEqual({
      name: 'substitute',
      played: { replies: 2, caught: 2, by: ['equality'] },
    });
  });
});

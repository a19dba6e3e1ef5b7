import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine, type LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { collectReply, createRequest } from '@ogong/testing/engine/compliance-requests';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHEAP_MODELS } from '../attackers/cheap-models.ts';
import { makeModel } from './make-model.ts';
import type { WeightRecipe } from './recipe.ts';

const dir = mkdtempSync(join(tmpdir(), 'ogong-forged-'));
let base: string;
const GREEDY = { ...PLAIN_SAMPLER, temperatureQ16: 0 };
beforeAll(async () => {
  base = (await resolveModel('stories15M', { storeDir: dir, quant: 'f32' })).path;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Trains a student on two texts only: fast, and it loads like a real one. */
const shorten = (recipe: WeightRecipe): WeightRecipe =>
  'forge' in recipe && recipe.forge === 'distil' ? { ...recipe, texts: 2 } : recipe;

describe('models that pass for stories15M', () => {
  it.each(CHEAP_MODELS.map(({ name, recipe }) => ({ name, recipe: shorten(recipe) })))(
    '$name loads',
    async ({ recipe }) => {
      const path = await makeModel(base, recipe, { dir, sold: 'q8_0' });
      const engine = await createLlamaEngine({ modelPath: path, sequences: 1, contextSize: 64 });
      try {
        const { weightType, vocabularySize, embeddingSize } = engine.info();
        expect(weightType).toBe('quant' in recipe ? recipe.quant : 'q8_0');
        expect({ vocabularySize, embeddingSize }).toEqual({ vocabularySize: 32_000, embeddingSize: 288 });
      } finally {
        await engine.close();
      }
      const { mtimeMs } = statSync(path);
      expect(await makeModel(base, recipe, { dir, sold: 'q8_0' })).toBe(path);
      expect(statSync(path).mtimeMs).toBe(mtimeMs);
    },
  );

  it('gives the same text with padded heads, and can then use a quantised KV cache', async () => {
    const plain = (await resolveModel('stories15M', { storeDir: dir, quant: 'f16' })).path;
    const padded = await makeModel(base, { forge: 'pad-heads', headSize: 64 }, { dir, sold: 'f16' });
    const say = async (options: LlamaEngineOptions) => {
      const engine = await createLlamaEngine({ sequences: 1, contextSize: 128, ...options });
      try {
        const request = createRequest('Once upon a time', { sampler: GREEDY, maxTokens: 40 });
        return (await collectReply(engine.generate(request))).text;
      } finally {
        await engine.close();
      }
    };
    const text = await say({ modelPath: plain });
    expect(text.length).toBeGreaterThan(40);
    expect(await say({ modelPath: padded })).toBe(text);
    await expect(say({ modelPath: plain, kvType: 'q8_0' })).rejects.toThrow();
    expect((await say({ modelPath: padded, kvType: 'q8_0' })).slice(0, 20)).toBe(text.slice(0, 20));
  });
});

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/models/resolve';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHEAP_MODELS } from '../attackers/cheap-models.ts';
import { makeModel } from './make-model.ts';

const dir = mkdtempSync(join(tmpdir(), 'ogong-forged-'));
let base: string;
beforeAll(async () => {
  base = (await resolveModel('stories15M', { storeDir: dir, quant: 'f32' })).path;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('models that pass for stories15M', () => {
  it.each(CHEAP_MODELS.map(({ name, recipe }) => ({ name, recipe })))('$name loads', async ({ recipe }) => {
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
  });
});

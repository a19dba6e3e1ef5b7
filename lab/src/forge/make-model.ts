import { rm } from 'node:fs/promises';
import type { QuantName } from '@ogong/engine/llama-cpp/quantize';
import { hashFile } from '@ogong/engine/models/model-root';
import { quantize } from '@ogong/engine/models/resolve';
import { createModelStore } from '@ogong/engine/models/store';
import { toHex } from '@ogong/protocol/bytes';
import { distil } from './distil.ts';
import { type GgufDraft, openDraft, writeDraft } from './gguf-draft.ts';
import { narrowFeedForward, shareLayers, skipLayers } from './layers.ts';
import { padHeads } from './pad-heads.ts';
import type { WeightRecipe } from './recipe.ts';
import { writeStories } from './texts.ts';
import { addLowRank, addNoise } from './weights.ts';

/** Another number where a recipe comes to mean other bytes. */
const VERSION = 1;

export interface MakeModelOptions {
  /** Where forged models are kept, by the content that they were made from. */
  readonly dir: string;
  /** What the forged model is sold as: the weight type that it gets where the recipe names none. */
  readonly sold: QuantName;
}

/**
 * The file of a forged model, made once: the same base, recipe and weight type are found again.
 * @param base a GGUF with f32 weights, the model that is sold before it is quantised.
 * @throws TypeError, RangeError where the recipe does not fit the model; ModelError where it cannot be quantised.
 */
export async function makeModel(base: string, recipe: WeightRecipe, { dir, sold }: MakeModelOptions): Promise<string> {
  const quant = recipe.quant ?? sold;
  const root = toHex(await hashFile(base)).slice(0, 16);
  const { quant: _, ...change } = recipe;
  const name = `forged-${VERSION}-${root}-${'forge' in recipe ? JSON.stringify(change) : 'plain'}-${quant}`;
  const store = createModelStore(dir);
  const found = store.find(name);
  if (found !== undefined) return found.path;
  return store.withLock(name, async () => {
    const again = store.find(name);
    if (again !== undefined) return again.path;
    const plain = await store.temporary(`${name}-f32`);
    const target = await store.temporary(name);
    try {
      if ('forge' in recipe) writeDraft(plain, await changeWeights(base, recipe));
      await quantize('forge' in recipe ? plain : base, target, quant);
      const file = await store.adopt(target, { name: 'forged.gguf' });
      const { path } = await store.publish({ name, source: base, files: [file] });
      return path;
    } finally {
      await Promise.all([rm(plain, { force: true }), rm(target, { force: true })]);
    }
  });
}

async function changeWeights(base: string, recipe: Extract<WeightRecipe, { forge: string }>): Promise<GgufDraft> {
  const draft = openDraft(base);
  switch (recipe.forge) {
    case 'noise':
      return addNoise(draft, recipe);
    case 'skip-layers':
      return skipLayers(draft, recipe.layers);
    case 'share-layers':
      return shareLayers(draft, recipe.pairs);
    case 'narrow-ffn':
      return narrowFeedForward(draft, recipe.channels);
    case 'distil':
      return distil(draft, recipe.skipped, await writeStories(base, recipe.texts));
    case 'pad-heads':
      return padHeads(draft, recipe.headSize);
    case 'low-rank':
      return addLowRank(draft, recipe);
  }
}

import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { llamaQuantizer } from '@ogong/engine/llama-cpp/llama-quantizer';
import type { QuantName } from '@ogong/engine/llama-cpp/quantize';
import { hashFile } from '@ogong/models/file-hashes';
import { createModelStore } from '@ogong/models/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Lesson } from './distil.worker.ts';
import { type GgufDraft, openDraft, writeDraft } from './gguf-draft.ts';
import { narrowFeedForward, shareLayers, skipLayers } from './layers.ts';
import { padHeads } from './pad-heads.ts';
import type { WeightRecipe } from './recipe.ts';
import { writeStories } from './texts.ts';
import { addLowRank, addNoise } from './weights.ts';

/** Increase it when a recipe gives other bytes. */
const VERSION = 1;

export interface MakeModelOptions {
  /** Directory of forged models, named by the content that they were made from. */
  readonly dir: string;
  /** The sold weight type, which a forged model gets if its recipe names none. */
  readonly sold: QuantName;
  /** Called before steps that take minutes. */
  readonly onProgress?: (what: string) => void;
}

type Forged = Extract<WeightRecipe, { forge: string }>;
type Student = Extract<Forged, { forge: 'distil' }>;

/**
 * The file of a forged model. It is made once for each base, recipe and weight type.
 * @param base a GGUF with f32 weights: the sold model before quantisation.
 * @throws TypeError, RangeError if the recipe does not fit the model; ModelError if it cannot be quantised.
 */
export async function makeModel(base: string, recipe: WeightRecipe, options: MakeModelOptions): Promise<string> {
  const quant = recipe.quant ?? options.sold;
  const { quant: _, ...change } = recipe;
  const what = 'forge' in recipe ? JSON.stringify(change) : 'plain';
  return makeOnce(base, `${what}-${quant}`, options, async (target, plain) => {
    if (!('forge' in recipe)) return llamaQuantizer.quantize(base, target, quant);
    // One student for all weight types.
    if (recipe.forge === 'distil')
      return llamaQuantizer.quantize(await makeStudent(base, recipe, options), target, quant);
    writeDraft(plain, changeWeights(base, recipe));
    return llamaQuantizer.quantize(plain, target, quant);
  });
}

/** In f32. */
function makeStudent(base: string, { skipped, texts }: Student, options: MakeModelOptions): Promise<string> {
  return makeOnce(base, `student-${JSON.stringify({ skipped, texts })}-f32`, options, async (target) => {
    options.onProgress?.(`training a student on ${texts} texts, once; it takes a minute or more`);
    await teach({ base, target, skipped, texts: await writeStories(base, texts) });
  });
}

async function makeOnce(
  base: string,
  what: string,
  { dir }: MakeModelOptions,
  make: (target: string, plain: string) => Promise<void>,
): Promise<string> {
  const root = toHex(await hashFile(base)).slice(0, 16);
  const name = `forged-${VERSION}-${root}-${what}`;
  const store = createModelStore(dir);
  const found = store.find(name);
  if (found !== undefined) return found.path;
  return store.withLock(name, async () => {
    const again = store.find(name);
    if (again !== undefined) return again.path;
    const plain = await store.temporary(`${name}-f32`);
    const target = await store.temporary(name);
    try {
      await make(target, plain);
      const file = await store.adopt(target, { name: 'forged.gguf' });
      const { path } = await store.publish({ name, source: base, files: [file] });
      return path;
    } finally {
      await Promise.all([rm(plain, { force: true }), rm(target, { force: true })]);
    }
  });
}

function teach(lesson: Lesson): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./distil.worker.ts', import.meta.url), { workerData: lesson });
    worker.once('error', reject);
    worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the training ended with code ${code}`))));
  });
}

function changeWeights(base: string, recipe: Exclude<Forged, Student>): GgufDraft {
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
    case 'pad-heads':
      return padHeads(draft, recipe.headSize);
    case 'low-rank':
      return addLowRank(draft, recipe);
  }
}

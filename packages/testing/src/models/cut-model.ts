import { planSlabs } from '@ogong/models/slabs/plan-slabs';
import { openTensorReader, readSourceModel } from '@ogong/models/slabs/source-model';
import { writeSlab } from '@ogong/models/slabs/write-slab';

/** Writes the slabs of a model beside it. @returns their paths, in the order of the layers. @throws SlabError if the cut is refused. */
export function writeSlabs(modelPath: string, edges: readonly number[]): readonly string[] {
  const model = readSourceModel(modelPath);
  const reader = openTensorReader(model);
  try {
    return planSlabs(model, edges).map((plan) => {
      const path = `${modelPath}-${plan.from}-${plan.to}.gguf`;
      writeSlab(path, plan, reader);
      return path;
    });
  } finally {
    reader.close();
  }
}

/** Edges of two cuts of a recipe's model with so many layers: in two parts, and in as many as its rules allow. */
export function listTestEdges(name: string, layers: number): readonly (readonly number[])[] {
  const half = layers / 2;
  // Llama 4 repeats something every four layers. A slab of a hybrid needs both kinds of layers, and one of gpt-oss a window.
  if (name === 'llama4') return [[half]];
  if (name === 'granite-hybrid' || name === 'lfm2') return [[half], [half + 1]];
  if (name === 'gpt-oss') return [[half], [1]];
  return [[half], [1, half + 1]];
}

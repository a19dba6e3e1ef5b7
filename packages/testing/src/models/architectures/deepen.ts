import type { GgufValue } from '@ogong/models/gguf/types';
import type { ArchitectureRecipe, RecipeTensor } from './recipe.ts';

const BLOCK = /^blk\.(\d+)\.(.*)$/;

/**
 * Repeats the layers of a recipe, so that there are enough of them to be cut. Dense layers that lead are not repeated; copies of the first
 * layer behind them stand in their places.
 */
export function deepen(recipe: ArchitectureRecipe, times: number): ArchitectureRecipe {
  const layers = Number(recipe.keys.block_count?.value);
  const lead = Number(recipe.keys.leading_dense_block_count?.value ?? 0);
  const keys = Object.fromEntries(
    Object.entries(recipe.keys).map(([key, value]): [string, GgufValue] => [key, repeatList(value, layers, times)]),
  );
  const added = Array.from({ length: times - 1 }, (_, turn): readonly RecipeTensor[] =>
    recipe.tensors.flatMap((tensor) => {
      const [, block, rest] = BLOCK.exec(tensor.name) ?? [];
      if (block === undefined || Number(block) < lead) return [];
      const places = Number(block) === lead ? Array.from({ length: lead + 1 }, (_, i) => i) : [Number(block)];
      return places.map((place) => ({ ...tensor, name: `blk.${(turn + 1) * layers + place}.${rest}` }));
    }),
  ).flat();
  return {
    ...recipe,
    keys: { ...keys, block_count: { type: 'u32', value: layers * times } },
    tensors: [...recipe.tensors, ...added],
  };
}

const repeatList = (value: GgufValue, layers: number, times: number): GgufValue =>
  value.type === 'array' && value.value.length === layers
    ? { ...value, value: Array.from({ length: times }, () => value.value).flat() }
    : value;

import type { WeightRecipe } from '../forge/recipe.ts';
import type { SoldType } from './attack.ts';

/** Models that are sold as a more expensive one. An attack takes its name from the model. */
export interface CheapModel {
  readonly name: string;
  readonly what: string;
  readonly recipe: WeightRecipe;
  readonly soldAs?: readonly SoldType[];
}

/** From the most expensive to the cheapest. */
export const LADDER = ['q8_0', 'q5_k_m', 'q5_0', 'q4_k_m', 'q4_0', 'q3_k_m', 'q2_k'] as const;

const ladder: readonly CheapModel[] = LADDER.map((quant) => ({
  name: quant.replaceAll('_', '-'),
  what: `${quant} weights`,
  recipe: { quant },
  ...(quant === 'q8_0' ? { soldAs: ['f16'] as const } : {}),
}));

const AMOUNTS = [
  ['1e-3', 1e-3],
  ['1e-2', 1e-2],
] as const;

const noise: readonly CheapModel[] = AMOUNTS.map(([name, amount]) => ({
  name: `noise-${name}`,
  what: `weights with a relative error of ${name}`,
  recipe: { forge: 'noise', amount, seed: 1 },
}));

const tuned: readonly CheapModel[] = AMOUNTS.map(([name, amount]) => ({
  name: `fine-tune-${name}`,
  what: `a fine-tune that moved every matrix by ${name} of its norm`,
  recipe: { forge: 'low-rank', amount, rank: 16, matrices: 'all', seed: 2 },
}));

export const CHEAP_MODELS: readonly CheapModel[] = [
  ...ladder,
  ...noise,
  ...tuned,
  {
    name: 'adapter',
    what: 'the base model with another adapter merged in',
    recipe: { forge: 'low-rank', amount: 0.05, rank: 8, matrices: 'attention', seed: 3 },
  },
  {
    name: 'layer-skipped',
    what: 'the model without one of its middle layers',
    recipe: { forge: 'skip-layers', layers: [3] },
  },
  {
    name: 'layers-shared',
    what: 'the model with one layer computed by the weights of its neighbour',
    recipe: { forge: 'share-layers', pairs: [{ from: 2, to: 3 }] },
  },
  {
    name: 'distilled',
    what: 'a student of fewer layers, trained towards the hidden states that a sketch looks at',
    recipe: { forge: 'distil', skipped: [3], texts: 32 },
  },
  {
    name: 'pruned-depth',
    what: 'a smaller model of the same vocabulary: two layers of three',
    recipe: { forge: 'skip-layers', layers: [2, 4] },
  },
  {
    name: 'pruned-width',
    what: 'a smaller model of the same vocabulary: two thirds of the feed-forward channels',
    recipe: { forge: 'narrow-ffn', channels: 512 },
  },
];

/** @throws RangeError */
export function findCheapModel(name: string): CheapModel {
  const found = CHEAP_MODELS.find((model) => model.name === name);
  if (found === undefined) throw new RangeError(`there is no cheap model ${name}`);
  return found;
}

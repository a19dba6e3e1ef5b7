import {
  type ArchitectureRecipe,
  attention,
  attentionBiases,
  attentionNorms,
  commonKeys,
  EMBEDDING,
  expertKeys,
  expertsWithNorm,
  FEED_FORWARD,
  feedForward,
  floats,
  inLayers,
  ownHead,
  sharedExpert,
  tiedHead,
  u32,
} from './recipe.ts';

const qwen2: ArchitectureRecipe = {
  name: 'qwen2',
  architecture: 'qwen2',
  features: ['tied head', 'biases'],
  keys: commonKeys(2),
  tensors: [
    ...tiedHead,
    ...inLayers(2, (block) => [...attention(block), ...attentionBiases(block), ...feedForward(block)]),
  ],
};

export const qwen3: ArchitectureRecipe = {
  name: 'qwen3',
  architecture: 'qwen3',
  features: ['tied head', 'norms of queries and keys'],
  keys: commonKeys(2),
  tensors: [
    ...tiedHead,
    ...inLayers(2, (block) => [...attention(block), ...attentionNorms(block), ...feedForward(block)]),
  ],
};

const qwen2Experts: ArchitectureRecipe = {
  name: 'qwen2moe',
  architecture: 'qwen2moe',
  features: ['own head', 'biases', 'experts', 'shared expert'],
  keys: { ...commonKeys(2), ...expertKeys, expert_shared_feed_forward_length: u32(FEED_FORWARD) },
  tensors: [
    ...ownHead,
    ...inLayers(2, (block) => [
      ...attention(block),
      ...attentionBiases(block),
      ...expertsWithNorm(block),
      floats(`${block}ffn_gate_inp_shexp.weight`, [EMBEDDING], -0.3, 0.3),
      ...sharedExpert(block),
    ]),
  ],
};

const qwen3Experts: ArchitectureRecipe = {
  name: 'qwen3moe',
  architecture: 'qwen3moe',
  features: ['own head', 'norms of queries and keys', 'experts'],
  keys: { ...commonKeys(2), ...expertKeys },
  tensors: [
    ...ownHead,
    ...inLayers(2, (block) => [...attention(block), ...attentionNorms(block), ...expertsWithNorm(block)]),
  ],
};

export const QWEN_LIKE: readonly ArchitectureRecipe[] = [qwen2, qwen3, qwen2Experts, qwen3Experts];

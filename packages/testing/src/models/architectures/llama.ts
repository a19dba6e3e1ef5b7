import {
  type ArchitectureRecipe,
  attention,
  commonKeys,
  expertKeys,
  experts,
  expertsWithNorm,
  f32,
  feedForward,
  inLayers,
  norm,
  ownHead,
  sharedExpert,
  tiedHead,
  u32,
  WINDOW,
} from './recipe.ts';

const dense = inLayers(2, (block) => [...attention(block), ...feedForward(block)]);

const llama: ArchitectureRecipe = {
  name: 'llama',
  architecture: 'llama',
  features: ['own head'],
  keys: commonKeys(2),
  tensors: [...ownHead, ...dense],
};

const llamaTied: ArchitectureRecipe = {
  ...llama,
  name: 'llama-tied',
  features: ['tied head'],
  tensors: [...tiedHead, ...dense],
};

/** As the first Mistral states its window. */
const mistral: ArchitectureRecipe = {
  ...llama,
  name: 'mistral',
  features: ['own head', 'a sliding window in its keys'],
  keys: { ...llama.keys, 'attention.sliding_window': u32(WINDOW) },
};

const mixtral: ArchitectureRecipe = {
  ...llama,
  name: 'mixtral',
  features: ['own head', 'experts'],
  keys: { ...llama.keys, ...expertKeys },
  tensors: [...ownHead, ...inLayers(2, (block) => [...attention(block), ...expertsWithNorm(block)])],
};

/** Three layers of four see a chunk of the context, and the fourth sees it whole, without rotary positions. */
const llama4: ArchitectureRecipe = {
  name: 'llama4',
  architecture: 'llama4',
  features: ['own head', 'chunked attention', 'experts', 'shared expert'],
  keys: {
    ...commonKeys(4),
    ...expertKeys,
    expert_used_count: u32(1),
    interleave_moe_layer_step: u32(2),
    'attention.sliding_window': u32(WINDOW),
  },
  tensors: [
    ...ownHead,
    ...inLayers(4, (block, layer) => [
      ...attention(block),
      ...(layer % 2 === 0 ? feedForward(block) : [norm(`${block}ffn_norm`), ...experts(block), ...sharedExpert(block)]),
    ]),
  ],
};

const granite: ArchitectureRecipe = {
  ...llamaTied,
  name: 'granite',
  architecture: 'granite',
  features: ['tied head', 'scales of its own'],
  keys: {
    ...llama.keys,
    'attention.scale': f32(0.2),
    embedding_scale: f32(12),
    residual_scale: f32(0.22),
    logit_scale: f32(4),
  },
};

export const LLAMA_LIKE: readonly ArchitectureRecipe[] = [llama, llamaTied, mistral, mixtral, llama4, granite];

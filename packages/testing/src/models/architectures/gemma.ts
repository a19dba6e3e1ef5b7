import {
  type ArchitectureRecipe,
  attention,
  attentionNorms,
  commonKeys,
  f32,
  feedForward,
  inLayers,
  norm,
  outputNorm,
  type RecipeTensor,
  tokenEmbedding,
  u32,
  WINDOW,
} from './recipe.ts';

const normsBehind = (block: string): readonly RecipeTensor[] => [
  norm(`${block}post_attention_norm`),
  norm(`${block}post_ffw_norm`),
];

/** It multiplies its token embedding, so a tied head would repeat the last token for ever. */
const softHead = [tokenEmbedding, outputNorm({ around: 0.7 })];

/** Every other layer has a window. */
const gemma2: ArchitectureRecipe = {
  name: 'gemma2',
  architecture: 'gemma2',
  features: ['tied head', 'sliding window', 'soft caps', 'norms behind blocks'],
  keys: {
    ...commonKeys(4),
    'attention.sliding_window': u32(WINDOW),
    attn_logit_softcapping: f32(50),
    final_logit_softcapping: f32(30),
  },
  tensors: [
    ...softHead,
    ...inLayers(4, (block) => [...attention(block), ...normsBehind(block), ...feedForward(block)]),
  ],
};

/** Five layers of six have a window, and rotary positions of another base. */
const gemma3: ArchitectureRecipe = {
  name: 'gemma3',
  architecture: 'gemma3',
  features: ['tied head', 'sliding window', 'norms of queries and keys', 'norms behind blocks'],
  keys: { ...commonKeys(6), 'attention.sliding_window': u32(WINDOW), 'rope.freq_base': f32(1e6) },
  tensors: [
    ...softHead,
    ...inLayers(6, (block) => [
      ...attention(block),
      ...attentionNorms(block),
      ...normsBehind(block),
      ...feedForward(block),
    ]),
  ],
};

export const GEMMA_LIKE: readonly ArchitectureRecipe[] = [gemma2, gemma3];

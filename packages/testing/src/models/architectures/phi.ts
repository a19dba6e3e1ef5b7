import {
  type ArchitectureRecipe,
  bias,
  commonKeys,
  EMBEDDING,
  FEED_FORWARD,
  f32,
  HEAD_SIZE,
  inLayers,
  KV_HEADS,
  matrix,
  norm,
  ownHead,
  u32,
  VOCABULARY,
  WINDOW,
} from './recipe.ts';

const ALL = EMBEDDING + 2 * KV_HEADS * HEAD_SIZE;

/** Attention and feed-forward stand side by side behind one norm, with biases everywhere. */
const phi2: ArchitectureRecipe = {
  name: 'phi2',
  architecture: 'phi2',
  features: ['own head', 'biases', 'parallel blocks', 'layer norms'],
  keys: { ...commonKeys(2), 'attention.layer_norm_epsilon': f32(1e-5) },
  tensors: [
    ...ownHead,
    bias('output_norm', EMBEDDING),
    bias('output', VOCABULARY),
    ...inLayers(2, (block) => [
      norm(`${block}attn_norm`),
      bias(`${block}attn_norm`, EMBEDDING),
      matrix(`${block}attn_qkv.weight`, EMBEDDING, ALL),
      bias(`${block}attn_qkv`, ALL),
      matrix(`${block}attn_output.weight`, EMBEDDING, EMBEDDING),
      bias(`${block}attn_output`, EMBEDDING),
      matrix(`${block}ffn_up.weight`, EMBEDDING, FEED_FORWARD),
      bias(`${block}ffn_up`, FEED_FORWARD),
      matrix(`${block}ffn_down.weight`, FEED_FORWARD, EMBEDDING),
      bias(`${block}ffn_down`, EMBEDDING),
    ]),
  ],
};

const phi3: ArchitectureRecipe = {
  name: 'phi3',
  architecture: 'phi3',
  features: ['own head', 'fused matrices', 'a sliding window in its keys'],
  keys: {
    ...commonKeys(2),
    'attention.sliding_window': u32(WINDOW),
    'rope.scaling.original_context_length': u32(512),
  },
  lastWord: '<|endoftext|>',
  tensors: [
    ...ownHead,
    ...inLayers(2, (block) => [
      norm(`${block}attn_norm`),
      matrix(`${block}attn_qkv.weight`, EMBEDDING, ALL),
      matrix(`${block}attn_output.weight`, EMBEDDING, EMBEDDING),
      norm(`${block}ffn_norm`),
      matrix(`${block}ffn_up.weight`, EMBEDDING, 2 * FEED_FORWARD),
      matrix(`${block}ffn_down.weight`, FEED_FORWARD, EMBEDDING),
    ]),
  ],
};

export const PHI_LIKE: readonly ArchitectureRecipe[] = [phi2, phi3];

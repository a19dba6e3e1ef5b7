import {
  type ArchitectureRecipe,
  bias,
  commonKeys,
  EMBEDDING,
  EXPERTS,
  expertKeys,
  experts,
  f32,
  feedForward,
  flag,
  HEADS,
  inLayers,
  matrix,
  norm,
  ownHead,
  type RecipeTensor,
  sharedExpert,
  u32,
} from './recipe.ts';

/** Queries, and keys with values, go through these narrow layers. */
const QUERY_RANK = 48;
const KEY_RANK = 32;
/** Parts of a head without and with rotary positions, and its values. */
const PLAIN_PART = 32;
const ROTARY_PART = 32;
const VALUE_SIZE = 32;
const KEY_SIZE = PLAIN_PART + ROTARY_PART;

const latentAttention = (block: string): readonly RecipeTensor[] => [
  norm(`${block}attn_norm`),
  matrix(`${block}attn_q_a.weight`, EMBEDDING, QUERY_RANK),
  norm(`${block}attn_q_a_norm`, QUERY_RANK),
  matrix(`${block}attn_q_b.weight`, QUERY_RANK, HEADS * KEY_SIZE, { gain: 1.3 }),
  matrix(`${block}attn_kv_a_mqa.weight`, EMBEDDING, KEY_RANK + ROTARY_PART, { gain: 1.3 }),
  norm(`${block}attn_kv_a_norm`, KEY_RANK),
  matrix(`${block}attn_k_b.weight`, PLAIN_PART, KEY_RANK, { count: HEADS }),
  matrix(`${block}attn_v_b.weight`, KEY_RANK, VALUE_SIZE, { count: HEADS }),
  matrix(`${block}attn_output.weight`, HEADS * VALUE_SIZE, EMBEDDING),
];

/** The first layer is dense. */
const layers = (more: (block: string) => readonly RecipeTensor[]) =>
  inLayers(3, (block, layer) => [
    ...latentAttention(block),
    ...(layer === 0
      ? feedForward(block)
      : [norm(`${block}ffn_norm`), ...experts(block), ...sharedExpert(block), ...more(block)]),
  ]);

const latentKeys = {
  ...commonKeys(3),
  ...expertKeys,
  'attention.head_count_kv': u32(1),
  'attention.q_lora_rank': u32(QUERY_RANK),
  'attention.kv_lora_rank': u32(KEY_RANK),
  'attention.key_length': u32(KEY_RANK + ROTARY_PART),
  'attention.value_length': u32(KEY_RANK),
  'attention.key_length_mla': u32(KEY_SIZE),
  'attention.value_length_mla': u32(VALUE_SIZE),
  'rope.dimension_count': u32(ROTARY_PART),
  leading_dense_block_count: u32(1),
  expert_shared_count: u32(1),
} as const;

const SOFTMAX = 1;
const SIGMOID = 2;

const deepseek2: ArchitectureRecipe = {
  name: 'deepseek-v2',
  architecture: 'deepseek2',
  features: ['own head', 'latent attention', 'experts', 'shared expert'],
  keys: { ...latentKeys, expert_gating_func: u32(SOFTMAX), expert_weights_scale: f32(1) },
  tensors: [...ownHead, ...layers(() => [])],
};

const deepseek3: ArchitectureRecipe = {
  name: 'deepseek-v3',
  architecture: 'deepseek2',
  features: ['own head', 'latent attention', 'grouped experts', 'shared expert'],
  keys: {
    ...latentKeys,
    expert_gating_func: u32(SIGMOID),
    expert_weights_scale: f32(2.5),
    expert_weights_norm: flag(true),
    expert_group_count: u32(2),
    expert_group_used_count: u32(1),
  },
  tensors: [...ownHead, ...layers((block) => [bias(`${block}exp_probs_b`, EXPERTS)])],
};

export const DEEPSEEK_LIKE: readonly ArchitectureRecipe[] = [deepseek2, deepseek3];

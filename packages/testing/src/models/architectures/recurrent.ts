import {
  type ArchitectureRecipe,
  attention,
  attentionNorms,
  bias,
  commonKeys,
  EMBEDDING,
  f32,
  feedForward,
  floats,
  inLayers,
  KV_HEADS,
  matrix,
  norm,
  outputNorm,
  type RecipeTensor,
  tiedHead,
  tokenEmbedding,
  u32,
  u32s,
} from './recipe.ts';

const STATE = 16;
const KERNEL = 4;
const INNER = 2 * EMBEDDING;
const STEP_RANK = 32;

const stateKeys = {
  'ssm.conv_kernel': u32(KERNEL),
  'ssm.inner_size': u32(INNER),
  'ssm.state_size': u32(STATE),
} as const;

const mamba: ArchitectureRecipe = {
  name: 'mamba',
  architecture: 'mamba',
  features: ['tied head', 'recurrent layers alone'],
  keys: {
    ...commonKeys(2),
    ...stateKeys,
    'ssm.time_step_rank': u32(STEP_RANK),
    feed_forward_length: u32(0),
    'attention.head_count': u32(0),
    'attention.head_count_kv': u32(0),
  },
  tensors: [
    ...tiedHead,
    ...inLayers(2, (block) => [
      norm(`${block}attn_norm`),
      matrix(`${block}ssm_in.weight`, EMBEDDING, 2 * INNER),
      floats(`${block}ssm_conv1d.weight`, [KERNEL, INNER], -0.5, 0.5),
      bias(`${block}ssm_conv1d`, INNER),
      matrix(`${block}ssm_x.weight`, INNER, STEP_RANK + 2 * STATE),
      matrix(`${block}ssm_dt.weight`, STEP_RANK, INNER),
      bias(`${block}ssm_dt`, INNER),
      floats(`${block}ssm_a`, [STATE, INNER], -2, -0.5),
      floats(`${block}ssm_d`, [INNER], 0.5, 1.5),
      matrix(`${block}ssm_out.weight`, INNER, EMBEDDING),
    ]),
  ],
};

const STATE_HEADS = 4;
const GROUPS = 1;

const stateSpace = (block: string): readonly RecipeTensor[] => [
  norm(`${block}attn_norm`),
  matrix(`${block}ssm_in.weight`, EMBEDDING, 2 * INNER + 2 * GROUPS * STATE + STATE_HEADS),
  floats(`${block}ssm_conv1d.weight`, [KERNEL, INNER + 2 * GROUPS * STATE], -0.5, 0.5),
  bias(`${block}ssm_conv1d`, INNER + 2 * GROUPS * STATE),
  bias(`${block}ssm_dt`, STATE_HEADS),
  floats(`${block}ssm_a`, [1, STATE_HEADS], -2, -0.5),
  floats(`${block}ssm_d`, [1, STATE_HEADS], 0.5, 1.5),
  floats(`${block}ssm_norm.weight`, [INNER / GROUPS, GROUPS], 0.8, 1.2),
  matrix(`${block}ssm_out.weight`, INNER, EMBEDDING),
];

/** Attention in the last layer of three. */
const LAST = 2;

const graniteHybrid: ArchitectureRecipe = {
  name: 'granite-hybrid',
  architecture: 'granitehybrid',
  features: ['tied head', 'recurrent layers', 'scales of its own'],
  keys: {
    ...commonKeys(3),
    ...stateKeys,
    'ssm.time_step_rank': u32(STATE_HEADS),
    'ssm.group_count': u32(GROUPS),
    'attention.head_count_kv': u32s([0, 0, KV_HEADS]),
    'attention.scale': f32(0.2),
    embedding_scale: f32(12),
    residual_scale: f32(0.22),
    logit_scale: f32(4),
  },
  tensors: [
    ...tiedHead,
    ...inLayers(3, (block, layer) => [
      ...(layer === LAST ? attention(block) : stateSpace(block)),
      ...feedForward(block),
    ]),
  ],
};

const CONVOLUTION = 3;

const lfm2: ArchitectureRecipe = {
  name: 'lfm2',
  architecture: 'lfm2',
  features: ['tied head', 'recurrent layers', 'norms of queries and keys'],
  keys: {
    ...commonKeys(3),
    'shortconv.l_cache': u32(CONVOLUTION),
    'attention.head_count_kv': u32s([0, 0, KV_HEADS]),
  },
  tensors: [
    tokenEmbedding,
    outputNorm({ name: 'token_embd_norm' }),
    ...inLayers(3, (block, layer) => [
      ...(layer === LAST
        ? [...attention(block), ...attentionNorms(block)]
        : [
            norm(`${block}attn_norm`),
            floats(`${block}shortconv.conv.weight`, [CONVOLUTION, EMBEDDING], -0.5, 0.5),
            matrix(`${block}shortconv.in_proj.weight`, EMBEDDING, 3 * EMBEDDING),
            matrix(`${block}shortconv.out_proj.weight`, EMBEDDING, EMBEDDING),
          ]),
      ...feedForward(block),
    ]),
  ],
};

export const RECURRENT: readonly ArchitectureRecipe[] = [mamba, graniteHybrid, lfm2];

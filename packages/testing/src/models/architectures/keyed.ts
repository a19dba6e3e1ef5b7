import type { GgufValue } from '@ogong/models/gguf/types';
import { f32, u32, u32s } from './recipe.ts';

/** An architecture by its keys alone: llama.cpp makes the tensors that it wants. */
export interface KeyedArchitecture {
  readonly name: string;
  readonly architecture: string;
  readonly keys: Readonly<Record<string, GgufValue>>;
  /** Tensors that llama.cpp calls optional and its graph needs. */
  readonly tensors: readonly KeyedTensor[];
}

export interface KeyedTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
}

const LAYERS = 6;
const EMBEDDING = 256;

/** Keys that architectures read, with sizes that their graphs take. */
const COMMON: Readonly<Record<string, GgufValue>> = {
  vocab_size: u32(512),
  context_length: u32(131_072),
  embedding_length: u32(EMBEDDING),
  block_count: u32(LAYERS),
  feed_forward_length: u32(384),
  'attention.head_count': u32(4),
  'attention.head_count_kv': u32(2),
  'attention.layer_norm_epsilon': f32(1e-5),
  'attention.layer_norm_rms_epsilon': f32(1e-5),
  'attention.clamp_kqv': f32(1),
  'attention.max_alibi_bias': f32(8),
  'rope.dimension_count': u32(64),
  logit_scale: f32(1),
  use_parallel_residual: { type: 'bool', value: false },
};

const EXPERTS: Readonly<Record<string, GgufValue>> = {
  expert_count: u32(4),
  expert_used_count: u32(2),
  expert_feed_forward_length: u32(64),
  expert_shared_count: u32(1),
  expert_shared_feed_forward_length: u32(64),
  expert_gating_func: u32(2),
  leading_dense_block_count: u32(1),
};

const STATE_SPACE: Readonly<Record<string, GgufValue>> = {
  'ssm.inner_size': u32(512),
  'ssm.conv_kernel': u32(4),
  'ssm.state_size': u32(128),
  'ssm.time_step_rank': u32(4),
  'ssm.group_count': u32(2),
};

/** Two layers of six attend, by one of these keys. */
const FEW_ATTEND = { 'attention.head_count_kv': u32s([0, 0, 2, 0, 0, 2]) } as const;
const EVERY_THIRD = { full_attention_interval: u32(3) } as const;
const OTHERS = [0, 1, 3, 4];

const CHANNELS = 1024;
const inLayers = (layers: readonly number[], tensors: readonly KeyedTensor[]): readonly KeyedTensor[] =>
  layers.flatMap((layer) => tensors.map(({ name, dimensions }) => ({ name: `blk.${layer}.${name}`, dimensions })));
const CONVOLUTION_BIAS: readonly KeyedTensor[] = [{ name: 'ssm_conv1d.bias', dimensions: [CHANNELS] }];
const LINEAR_INPUTS: readonly KeyedTensor[] = [
  { name: 'attn_qkv.weight', dimensions: [EMBEDDING, CHANNELS] },
  { name: 'attn_gate.weight', dimensions: [EMBEDDING, 512] },
];
const LINEAR = inLayers(OTHERS, LINEAR_INPUTS);
const SECTIONS = { 'rope.dimension_sections': u32s([11, 11, 10, 0]) } as const;

const WINDOWS = {
  'attention.sliding_window': u32(64),
  'attention.sliding_window_pattern': u32s([1, 1, 0, 1, 1, 0]),
} as const;

const LATENT = {
  'attention.head_count_kv': u32(1),
  'attention.q_lora_rank': u32(48),
  'attention.kv_lora_rank': u32(128),
  'attention.key_length': u32(192),
  'attention.value_length': u32(128),
  'attention.key_length_mla': u32(96),
  'attention.value_length_mla': u32(64),
} as const;

const INDEXER = {
  'attention.indexer.head_count': u32(2),
  'attention.indexer.key_length': u32(64),
  'attention.indexer.top_k': u32(64),
  'attention.indexer.block_size': u32(64),
  'attention.indexer.local_blocks': u32(1),
} as const;

const keyed = (
  architecture: string,
  more: Readonly<Record<string, GgufValue>> = {},
  { name = architecture, tensors = [] }: Partial<Pick<KeyedArchitecture, 'name' | 'tensors'>> = {},
): KeyedArchitecture => ({ name, architecture, keys: { ...COMMON, ...more }, tensors });

const PLAIN: readonly KeyedArchitecture[] = [
  ...['llama', 'falcon', 'gpt2', 'gptneox', 'mpt', 'baichuan', 'starcoder', 'refact', 'bloom', 'stablelm', 'qwen2'],
  ...['qwen3', 'plamo', 'codeshell', 'orion', 'internlm2', 'minicpm', 'gemma', 'starcoder2', 'xverse', 'command-r'],
  ...['olmo', 'olmo2', 'openelm', 'chatglm', 'glm4', 'bitnet', 'jais', 'nemotron', 'exaone', 'granite', 'arcee'],
  ...['ernie4_5', 'hunyuan-dense', 'smollm3', 'seed_oss', 'maincoder', 'mistral3'],
].map((architecture) => keyed(architecture));

const MIXTURES = ['glm4moe', 'bailingmoe2', 'granitemoe', 'qwen3moe', 'minimax-m2', 'deepseek'].map((architecture) =>
  keyed(architecture, EXPERTS),
);

const WINDOWED: readonly KeyedArchitecture[] = [
  ...['cohere2', 'exaone4', 'gemma2', 'gemma3', 'olmo2', 'plamo3'].map((architecture) =>
    keyed(architecture, { 'attention.sliding_window': u32(64) }, { name: `${architecture} with windows` }),
  ),
  keyed('granite_swa', WINDOWS),
  keyed('mimo2', { ...EXPERTS, ...WINDOWS, 'attention.head_count_kv': u32s([4, 4, 2, 4, 4, 2]) }),
  keyed('step35', { ...EXPERTS, ...WINDOWS }),
  keyed('gemma3n', { block_count: u32(24), 'attention.sliding_window': u32(64) }),
  keyed('gemma4', {
    ...WINDOWS,
    ...{ block_count: u32(12), embedding_length_per_layer_input: u32(32), 'attention.shared_kv_layers': u32(3) },
    'attention.sliding_window_pattern': u32s([1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0]),
    'attention.head_count_kv': u32s([4, 4, 1, 4, 4, 1, 4, 4, 1, 4, 4, 1]),
    ...{ 'attention.key_length': u32(128), 'attention.value_length': u32(128) },
    ...{ 'attention.key_length_swa': u32(64), 'attention.value_length_swa': u32(64) },
  }),
];

const RECURRENT: readonly KeyedArchitecture[] = [
  keyed('mamba', STATE_SPACE),
  keyed('mamba2', STATE_SPACE),
  keyed('jamba', { ...EXPERTS, ...STATE_SPACE, ...FEW_ATTEND }),
  keyed('granitehybrid', { ...STATE_SPACE, ...FEW_ATTEND }, { tensors: inLayers(OTHERS, CONVOLUTION_BIAS) }),
  keyed(
    'nemotron_h',
    { ...STATE_SPACE, ...FEW_ATTEND, feed_forward_length: u32s([0, 384, 0, 0, 384, 0]) },
    { tensors: inLayers([0, 3], CONVOLUTION_BIAS) },
  ),
  keyed('plamo2', { ...STATE_SPACE, ...FEW_ATTEND, 'ssm.group_count': u32(0) }),
  keyed('falcon-h1', STATE_SPACE, { tensors: inLayers([0, 1, 2, 3, 4, 5], CONVOLUTION_BIAS) }),
  keyed('lfm2', { ...FEW_ATTEND, 'shortconv.l_cache': u32(3) }),
  keyed('lfm2moe', { ...EXPERTS, ...FEW_ATTEND, 'shortconv.l_cache': u32(3) }),
  keyed('qwen3next', { ...EXPERTS, ...STATE_SPACE, ...EVERY_THIRD }, { tensors: LINEAR }),
  keyed('qwen35', { ...STATE_SPACE, ...EVERY_THIRD, ...SECTIONS }, { tensors: LINEAR }),
  keyed('qwen35moe', { ...EXPERTS, ...STATE_SPACE, ...EVERY_THIRD, ...SECTIONS }, { tensors: LINEAR }),
  keyed('kimi-linear', {
    ...{ ...EXPERTS, ...STATE_SPACE, ...LATENT },
    'attention.head_count_kv': u32s([0, 0, 1, 0, 0, 1]),
    'kda.head_dim': u32(128),
  }),
  keyed('minimax-01', { ...EXPERTS, ...EVERY_THIRD, residual_scale: f32(1) }),
  keyed('rwkv7', {
    'wkv.head_size': u32(64),
    ...{ 'attention.decay_lora_rank': u32(32), 'attention.iclr_lora_rank': u32(32) },
    ...{ 'attention.value_residual_mix_lora_rank': u32(32), 'attention.gate_lora_rank': u32(32) },
  }),
];

const LATENTS: readonly KeyedArchitecture[] = [
  keyed('deepseek2', { ...EXPERTS, ...LATENT }),
  keyed('deepseek32', { ...EXPERTS, ...LATENT, ...INDEXER }),
  keyed('mistral4', { ...EXPERTS, ...LATENT }),
  keyed('minimax-m3', { ...EXPERTS, ...INDEXER }),
  keyed('qwen4exp', {
    ...{ ...EXPERTS, ...STATE_SPACE, ...INDEXER },
    ...{ ...SECTIONS, ...EVERY_THIRD },
    ...{ 'hyper_connection.count': u32(4), 'hyper_connection.low_rank': u32(4) },
  }),
];

const WITHOUT_CACHE = ['modern-bert', 'neo-bert', 'eurobert', 'gemma-embedding', 'dream', 'llada', 'rnd1'].map(
  (architecture) => keyed(architecture, { ...EXPERTS, 'attention.sliding_window': u32(64) }),
);

/** Architectures with and without a recipe, for comparisons of plans with what the library allocates. */
export const KEYED_ARCHITECTURES: readonly KeyedArchitecture[] = [
  ...PLAIN,
  ...MIXTURES,
  ...WINDOWED,
  ...RECURRENT,
  ...LATENTS,
  ...WITHOUT_CACHE,
];

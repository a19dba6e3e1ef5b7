import type { GgufValue } from '@ogong/models/gguf/types';

/** A model architecture in small, as llama.cpp reads it from a GGUF file. */
export interface ArchitectureRecipe {
  /** Of the recipe; one architecture may have several. */
  readonly name: string;
  /** `general.architecture`. */
  readonly architecture: string;
  /** Differences from the plain transformer of `llama`, in a few words each. */
  readonly features: readonly string[];
  /** Hyperparameters, without the architecture's name in front. */
  readonly keys: Readonly<Record<string, GgufValue>>;
  /** A word that llama.cpp looks for in this architecture's vocabulary; the last one gives way to it. */
  readonly lastWord?: string;
  /** In the order of the file. */
  readonly tensors: readonly RecipeTensor[];
}

/** f16 values of a bell curve with this deviation, or f32 values between two bounds. */
export type RecipeTensor = { readonly name: string; readonly dimensions: readonly number[] } & (
  | { readonly type: 'f16'; readonly scale: number }
  | { readonly type: 'f32'; readonly low: number; readonly high: number }
);

/** Words of `stories260K`, whose vocabulary every recipe takes. */
export const VOCABULARY = 512;
/** Sizes that all recipes share. */
export const EMBEDDING = 128;
export const HEADS = 4;
export const KV_HEADS = 2;
export const HEAD_SIZE = EMBEDDING / HEADS;
export const EXPERTS = 8;
export const EXPERTS_USED = 2;
/** Of a dense layer, and of each expert. */
export const FEED_FORWARD = 96;
/** Shorter than most replies, so that they leave it. */
export const WINDOW = 32;
const CONTEXT = 1024;

export const u32 = (value: number): GgufValue => ({ type: 'u32', value });
export const f32 = (value: number): GgufValue => ({ type: 'f32', value });
export const u32s = (value: readonly number[]): GgufValue => ({ type: 'array', of: 'u32', value });
export const flag = (value: boolean): GgufValue => ({ type: 'bool', value });

/** Keys that nearly every architecture reads. */
export const commonKeys = (layers: number): Readonly<Record<string, GgufValue>> => ({
  context_length: u32(CONTEXT),
  embedding_length: u32(EMBEDDING),
  block_count: u32(layers),
  feed_forward_length: u32(FEED_FORWARD),
  'attention.head_count': u32(HEADS),
  'attention.head_count_kv': u32(KV_HEADS),
  'attention.key_length': u32(HEAD_SIZE),
  'attention.value_length': u32(HEAD_SIZE),
  'attention.layer_norm_rms_epsilon': f32(1e-5),
  'rope.dimension_count': u32(HEAD_SIZE),
});

export const expertKeys: Readonly<Record<string, GgufValue>> = {
  expert_count: u32(EXPERTS),
  expert_used_count: u32(EXPERTS_USED),
  expert_feed_forward_length: u32(FEED_FORWARD),
};

/** A dense layer, or one for each expert. */
export const matrix = (name: string, input: number, output: number, more: { gain?: number; count?: number } = {}) =>
  ({
    ...{ name, dimensions: more.count === undefined ? [input, output] : [input, output, more.count], type: 'f16' },
    scale: (more.gain ?? 1) / Math.sqrt(input),
  }) as const satisfies RecipeTensor;

export const floats = (name: string, dimensions: readonly number[], low: number, high: number) =>
  ({ name, dimensions, type: 'f32', low, high }) as const satisfies RecipeTensor;

/** Near one, and of other values everywhere, so that a norm left out shows. */
export const norm = (name: string, size = EMBEDDING) => floats(`${name}.weight`, [size], 0.8, 1.2);
export const bias = (name: string, ...dimensions: readonly number[]) => floats(`${name}.bias`, dimensions, -0.1, 0.1);

export const tokenEmbedding = matrix('token_embd.weight', EMBEDDING, VOCABULARY);
/** This spreads logits over a few nats, as in a trained model. */
export const outputNorm = ({ name = 'output_norm', around = 3 } = {}) =>
  floats(`${name}.weight`, [EMBEDDING], 0.8 * around, 1.2 * around);
/** Tensors around the layers of most recipes. The head is the token embedding. */
export const tiedHead: readonly RecipeTensor[] = [tokenEmbedding, outputNorm()];
export const ownHead: readonly RecipeTensor[] = [...tiedHead, matrix('output.weight', EMBEDDING, VOCABULARY)];

/** Tensors of every layer. */
export const inLayers = (
  layers: number,
  list: (block: string, layer: number) => readonly RecipeTensor[],
): readonly RecipeTensor[] => Array.from({ length: layers }, (_, layer) => list(`blk.${layer}.`, layer)).flat();

const KEY = KV_HEADS * HEAD_SIZE;

export const attention = (block: string): readonly RecipeTensor[] => [
  norm(`${block}attn_norm`),
  matrix(`${block}attn_q.weight`, EMBEDDING, EMBEDDING, { gain: 1.3 }),
  matrix(`${block}attn_k.weight`, EMBEDDING, KEY, { gain: 1.3 }),
  matrix(`${block}attn_v.weight`, EMBEDDING, KEY),
  matrix(`${block}attn_output.weight`, EMBEDDING, EMBEDDING),
];

export const attentionBiases = (block: string): readonly RecipeTensor[] => [
  bias(`${block}attn_q`, EMBEDDING),
  bias(`${block}attn_k`, KEY),
  bias(`${block}attn_v`, KEY),
];

export const attentionNorms = (block: string): readonly RecipeTensor[] => [
  norm(`${block}attn_q_norm`, HEAD_SIZE),
  norm(`${block}attn_k_norm`, HEAD_SIZE),
];

export const feedForward = (block: string): readonly RecipeTensor[] => [
  norm(`${block}ffn_norm`),
  matrix(`${block}ffn_gate.weight`, EMBEDDING, FEED_FORWARD),
  matrix(`${block}ffn_up.weight`, EMBEDDING, FEED_FORWARD),
  matrix(`${block}ffn_down.weight`, FEED_FORWARD, EMBEDDING),
];

/** Tensors without the norm before them, because some architectures name it differently. */
export const experts = (block: string): readonly RecipeTensor[] => [
  // The converter of llama.cpp leaves the router in f32.
  floats(`${block}ffn_gate_inp.weight`, [EMBEDDING, EXPERTS], -0.3, 0.3),
  matrix(`${block}ffn_gate_exps.weight`, EMBEDDING, FEED_FORWARD, { count: EXPERTS }),
  matrix(`${block}ffn_up_exps.weight`, EMBEDDING, FEED_FORWARD, { count: EXPERTS }),
  matrix(`${block}ffn_down_exps.weight`, FEED_FORWARD, EMBEDDING, { count: EXPERTS }),
];

export const sharedExpert = (block: string): readonly RecipeTensor[] => [
  matrix(`${block}ffn_gate_shexp.weight`, EMBEDDING, FEED_FORWARD),
  matrix(`${block}ffn_up_shexp.weight`, EMBEDDING, FEED_FORWARD),
  matrix(`${block}ffn_down_shexp.weight`, FEED_FORWARD, EMBEDDING),
];

export const expertsWithNorm = (block: string): readonly RecipeTensor[] => [
  norm(`${block}ffn_norm`),
  ...experts(block),
];

/**
 * Rules by which a model's layers can be renumbered. llama.cpp decides some things by the number of a layer or by the number of
 * all layers, without an error. So only architectures whose rules are known are cut, and each cut is run against the whole model
 * before it is published.
 */
export interface CutRules {
  /**
   * Layers in a cycle of attention windows: the last layer of each cycle sees everything. A slab states its windows as a list. Absent if
   * all layers see the same.
   */
  readonly windowCycle?: number;
  /** Edges must be multiples of this number: something else repeats with it. */
  readonly edgeStep?: number;
  /** Layers are of two kinds, recurrent and attention. llama.cpp ends the process if a file lacks one of them. */
  readonly isHybrid?: boolean;
  /** Counts of layers by which llama.cpp takes a model for another one of the family. No file may have such a count. */
  readonly specialCounts?: readonly number[];
  /** llama.cpp opens a file without `output.weight` and takes the token embedding for it. */
  readonly opensWithoutHead?: boolean;
  /** llama.cpp scales hidden states that come in as if they were embeddings. The engine has to put them back behind that step. */
  readonly scalesInput?: boolean;
}

/** The allow-list, by `general.architecture`. Each has a random model in `packages/testing`. */
export const CUT_RULES: Readonly<Record<string, CutRules>> = {
  llama: { opensWithoutHead: true },
  // Three layers of four have chunked attention and rotary positions.
  llama4: { edgeStep: 4, opensWithoutHead: true },
  granite: { opensWithoutHead: true },
  qwen2: { opensWithoutHead: true },
  qwen3: { opensWithoutHead: true },
  qwen2moe: {},
  qwen3moe: { opensWithoutHead: true },
  // 46 layers are Gemma 2 27B, 62 are Gemma 3 27B: their attention has another scale.
  gemma2: { windowCycle: 2, specialCounts: [46], opensWithoutHead: true, scalesInput: true },
  gemma3: { windowCycle: 6, specialCounts: [62], opensWithoutHead: true },
  phi2: {},
  phi3: { opensWithoutHead: true },
  // Counts of the "lite" models, whose queries have no narrow layer.
  deepseek2: { specialCounts: [26, 27, 48] },
  'gpt-oss': { windowCycle: 2 },
  mamba: { opensWithoutHead: true },
  granitehybrid: { isHybrid: true, opensWithoutHead: true },
  lfm2: { isHybrid: true, opensWithoutHead: true },
};

/** Architectures that were examined and are refused, with the reason. Every other one is refused as unknown. */
export const REFUSED: Readonly<Record<string, string>> = {
  gemma3n: 'each of its layers reads an embedding of the token, which only the first slab has',
  minicpm: 'llama.cpp scales its layers by their number',
  exaone4: 'llama.cpp chooses its windows and positions by the number of layers',
  baichuan: 'llama.cpp chooses its positions by the number of layers',
};

/** Metadata keys with one value for each layer, behind the architecture's name. A single value holds for all layers. */
export const PER_LAYER_KEYS: ReadonlySet<string> = new Set([
  'attention.head_count',
  'attention.head_count_kv',
  'attention.sliding_window_pattern',
  'feed_forward_length',
]);

/** Other keys with a list, which is not one of layers. */
export const PLAIN_LIST_KEYS: ReadonlySet<string> = new Set(['rope.dimension_sections', 'rope.scaling.factors']);

/** Keys of a feature that cannot be cut, with the reason; they count if their value is above 0. */
export const REFUSED_KEYS: Readonly<Record<string, string>> = {
  nextn_predict_layers: 'it has blocks that predict further tokens (MTP)',
  embedding_length_per_layer_input: 'each of its layers reads an embedding of the token, which only the first slab has',
  pooling_type: 'it is an embedding model, which has no head',
  n_deepstack_layers: 'its first layers read further rows of pictures',
};

/** Tensors outside the layers, besides the token embedding and the head. Each slab has them. */
export const SHARED_TENSORS: ReadonlySet<string> = new Set([
  'output_norm.weight',
  'output_norm.bias',
  'token_embd_norm.weight',
  'rope_freqs.weight',
  'rope_factors_long.weight',
  'rope_factors_short.weight',
]);

export const EMBEDDING = 'token_embd.weight';
export const HEAD = 'output.weight';
export const HEAD_BIAS = 'output.bias';

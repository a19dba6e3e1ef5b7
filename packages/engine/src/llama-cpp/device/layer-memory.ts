import { type GgufHeader, type GgufTensor, numberOf, stringOf } from '@ogong/models/gguf/types';

/** Memory of one layer beside its weights. */
export interface LayerMemory {
  /** Keys and values of one position at f16, in bytes. */
  readonly positionBytes: number;
  /** State of one sequence, in bytes; 0 if the layer is not recurrent. */
  readonly sequenceBytes: number;
}

const F16_BYTES = 2;
const F32_BYTES = 4;

const BLOCK = /^blk\.(0|[1-9]\d{0,4})\.(.+)$/;
/** Norms stand in layers of every kind. */
const ATTENTION = /^attn_(?!norm)/;
/** A recurrent layer may keep its inputs under the names of attention. With keys of its own it attends beside that. */
const OWN_KEYS = /^attn_k\./;
const RECURRENT = /^(ssm_|shortconv\.|time_mix_)/;
const CONVOLUTION = /^(ssm_conv1d(_[qkv])?|shortconv\.conv)\.weight$/;
const KEY_STATE = /^ssm_conv1d_k\./;
const TIME_MIX = /^time_mix_/;
const INDEXER = /^indexer\./;
/** Its recurrent layers have the names of attention, and this norm. */
const LIGHTNING = { architecture: 'minimax-01', tensor: 'attn_norm_2.weight' } as const;
/** Its indexer caches values beside keys. */
const INDEXES_VALUES = 'minimax-m3';

/** Architectures that read a whole input in one pass and cache nothing. */
const CACHELESS: ReadonlySet<string> = new Set([
  ...['bert', 'modern-bert', 'nomic-bert', 'nomic-bert-moe', 'neo-bert', 'jina-bert-v2', 'jina-bert-v3', 'eurobert'],
  ...['gemma-embedding', 'dream', 'llada', 'llada-moe', 'rnd1'],
]);
/** Architectures whose later layers use the cache of earlier ones, whatever the file says: the number of layers with a cache. */
const CACHED_LAYERS: Readonly<Record<string, number>> = { gemma3n: 20 };

type LayerTensor = Pick<GgufTensor, 'name' | 'dimensions'>;

/**
 * Reads the memory of each layer as llama.cpp allocates it, by the layer's number. The tensors of a layer show its kind. A layer
 * with an attention window has a whole cache: the engine asks for one, because rows must be found again.
 * @param tensors of all layers that count.
 */
export function readLayerMemory(
  metadata: GgufHeader['metadata'],
  tensors: readonly LayerTensor[],
): ReadonlyMap<number, LayerMemory> {
  const architecture = stringOf(metadata, 'general.architecture') ?? '';
  const sizes = createSizes(metadata, architecture);
  const layers = new Map<number, LayerTensor[]>();
  for (const tensor of tensors) {
    const [, block, name] = BLOCK.exec(tensor.name) ?? [];
    if (name === undefined || Number(block) >= sizes.layers) continue;
    const layer = layers.get(Number(block)) ?? [];
    layers.set(Number(block), layer);
    layer.push({ name, dimensions: tensor.dimensions });
  }
  return new Map([...layers].map(([layer, own]) => [layer, measureLayer(sizes, architecture, layer, own)]));
}

function measureLayer(sizes: Sizes, architecture: string, layer: number, tensors: readonly LayerTensor[]): LayerMemory {
  const has = (pattern: RegExp): boolean => tensors.some(({ name }) => pattern.test(name));
  if (architecture === LIGHTNING.architecture && tensors.some(({ name }) => name === LIGHTNING.tensor))
    return { positionBytes: 0, sequenceBytes: sizes.keySize ** 2 * sizes.heads(layer) * F32_BYTES };
  const isRecurrent = has(RECURRENT);
  const attends = has(isRecurrent ? OWN_KEYS : ATTENTION) && !CACHELESS.has(architecture) && layer < sizes.cachedLayers;
  const indexed = has(INDEXER) ? sizes.indexerSize * (architecture === INDEXES_VALUES ? 2 : 1) : 0;
  return {
    positionBytes: attends ? (sizes.countValues(layer) + indexed) * F16_BYTES : 0,
    sequenceBytes: isRecurrent ? countState(sizes, layer, tensors, has) * F32_BYTES : 0,
  };
}

/** Values of a recurrent layer's state: the inputs that a convolution still needs, and what the layer has summed up. */
function countState(
  sizes: Sizes,
  layer: number,
  tensors: readonly LayerTensor[],
  has: (pattern: RegExp) => boolean,
): number {
  if (has(TIME_MIX)) return sizes.embedding * (sizes.tokenShifts + sizes.timeMixHead);
  const inputs = tensors
    .filter(({ name }) => CONVOLUTION.test(name))
    .reduce((sum, { dimensions: [kernel = 1, ...rest] }) => sum + (kernel - 1) * rest.reduce((a, b) => a * b, 1), 0);
  return inputs + (has(KEY_STATE) ? sizes.keyStateHead ** 2 * sizes.heads(layer) : sizes.stateSpace);
}

type Sizes = ReturnType<typeof createSizes>;

/** Reads the keys that decide sizes; absent ones have the library's defaults. */
function createSizes(metadata: GgufHeader['metadata'], architecture: string) {
  const number = (key: string): number | undefined => numberOf(metadata, `${architecture}.${key}`);
  /** A value of one layer, from a list for all layers or from one number. */
  const listed = (key: string, layer: number): number | undefined => {
    const entry = metadata.get(`${architecture}.${key}`);
    if (entry?.type !== 'array') return number(key);
    const value = entry.value[layer];
    return value === undefined ? undefined : Number(value);
  };
  const heads = (layer: number): number => listed('attention.head_count', layer) ?? 0;
  const { keySize, valueSize } = readHeadSizes(metadata);
  const windowKeySize = number('attention.key_length_swa') ?? keySize;
  const windowValueSize = number('attention.value_length_swa') ?? valueSize;
  /** From a list, or from the length of a cycle whose last layer sees everything. */
  const hasWindow = (layer: number): boolean => {
    const cycle = number('attention.sliding_window_pattern');
    if (cycle !== undefined) return cycle === 0 || layer % cycle < cycle - 1;
    return (listed('attention.sliding_window_pattern', layer) ?? 0) !== 0;
  };
  const isLatent = (number('attention.key_length_mla') ?? 0) > 0 && (number('attention.value_length_mla') ?? 0) > 0;
  const layers = (number('block_count') ?? 0) - (number('nextn_predict_layers') ?? 0);
  return {
    layers,
    heads,
    keySize,
    embedding: number('embedding_length') ?? 0,
    cachedLayers: CACHED_LAYERS[architecture] ?? layers - (number('attention.shared_kv_layers') ?? 0),
    indexerSize: number('attention.indexer.key_length') ?? 0,
    stateSpace: (number('ssm.state_size') ?? 0) * (number('ssm.inner_size') ?? 0),
    keyStateHead: number('kda.head_dim') ?? 0,
    timeMixHead: number('wkv.head_size') ?? 0,
    tokenShifts: number('token_shift_count') ?? 2,
    /** Values that a layer with attention caches of one position. Latent attention reads its values from its keys. */
    countValues(layer: number): number {
      const [key, value] = hasWindow(layer) ? [windowKeySize, windowValueSize] : [keySize, valueSize];
      return (listed('attention.head_count_kv', layer) ?? heads(layer)) * (key + (isLatent ? 0 : value));
    },
  };
}

/** Reads the values per head of keys and of values. */
export function readHeadSizes(metadata: GgufHeader['metadata']): {
  readonly keySize: number;
  readonly valueSize: number;
} {
  const architecture = stringOf(metadata, 'general.architecture') ?? '';
  const number = (key: string): number | undefined => numberOf(metadata, `${architecture}.${key}`);
  const heads = metadata.get(`${architecture}.attention.head_count`);
  const first = Number(heads?.type === 'array' ? heads.value[0] : heads?.value) || 0;
  const headSize = first > 0 ? Math.floor((number('embedding_length') ?? 0) / first) : 0;
  return {
    keySize: number('attention.key_length') ?? headSize,
    valueSize: number('attention.value_length') ?? headSize,
  };
}

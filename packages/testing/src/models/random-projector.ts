import type { GgufValue } from '@ogong/models/gguf/types';
import { type GgufTensorSource, writeGguf } from '@ogong/models/gguf/write';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';

/** Kinds of projectors, by the models of transformers that they are made of. */
export const RANDOM_PROJECTORS = ['llava', 'idefics3', 'qwen2_vl'] as const;
export type RandomProjector = (typeof RANDOM_PROJECTORS)[number];

/** Types of weights of a projector's file. */
export const PROJECTOR_TYPES = { f32: 0, f16: 1, bf16: 30, q8_0: 8 } as const;
export type ProjectorType = keyof typeof PROJECTOR_TYPES;

/** A weight, row-major. */
export interface ProjectorWeight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Sizes of every random projector. */
export const PROJECTOR_SIZES = {
  ...{ width: 8, heads: 2, feedForward: 20, blocks: 3, patch: 4, merge: 2, rowSize: 24, middle: 12, epsilon: 1e-5 },
  /** Pixels along a side, by kind. Patches leave a margin of idefics3. */
  ...{ sides: { llava: 16, idefics3: 17, qwen2_vl: 560 }, longest: 34 },
} as const;

const { width, feedForward, blocks, patch, merge, rowSize, middle } = PROJECTOR_SIZES;
const GRID = 4;

type Shapes = Readonly<Record<string, readonly number[]>>;

const withBias = (name: string, to: number, from: number): Shapes => ({
  [`${name}.weight`]: [to, from],
  [`${name}.bias`]: [to],
});
const norm = (name: string): Shapes => ({ [`${name}.weight`]: [width], [`${name}.bias`]: [width] });
const join = (parts: readonly Shapes[]): Shapes => Object.assign({}, ...parts) as Shapes;
const listBlocks = (list: (index: number) => readonly Shapes[]): Shapes =>
  join(Array.from({ length: blocks }, (_, index) => list(index)).flat());

/** Blocks of CLIP and SigLIP. */
const listClipBlocks = (tower: string): Shapes =>
  listBlocks((index) => {
    const block = `${tower}.encoder.layers.${index}`;
    return [
      ...['q', 'k', 'v', 'out'].map((part) => withBias(`${block}.self_attn.${part}_proj`, width, width)),
      ...[norm(`${block}.layer_norm1`), norm(`${block}.layer_norm2`)],
      ...[withBias(`${block}.mlp.fc1`, feedForward, width), withBias(`${block}.mlp.fc2`, width, feedForward)],
    ];
  });

/** Names and shapes of the weights of transformers. */
const SHAPES: Readonly<Record<RandomProjector, Shapes>> = {
  llava: {
    'vision_model.embeddings.class_embedding': [width],
    'vision_model.embeddings.patch_embedding.weight': [width, 3, patch, patch],
    'vision_model.embeddings.position_embedding.weight': [GRID ** 2 + 1, width],
    ...norm('vision_model.pre_layrnorm'),
    ...listClipBlocks('vision_model'),
    ...withBias('multi_modal_projector.linear_1', middle, width),
    ...withBias('multi_modal_projector.linear_2', rowSize, middle),
  },
  idefics3: {
    'vision_model.embeddings.patch_embedding.weight': [width, 3, patch, patch],
    'vision_model.embeddings.patch_embedding.bias': [width],
    'vision_model.embeddings.position_embedding.weight': [GRID ** 2, width],
    ...listClipBlocks('vision_model'),
    ...norm('vision_model.post_layernorm'),
    'connector.modality_projection.proj.weight': [rowSize, merge ** 2 * width],
  },
  qwen2_vl: {
    'visual.patch_embed.proj.weight': [width, 3, 2, patch, patch],
    ...listBlocks((index) => {
      const block = `visual.blocks.${index}`;
      return [
        ...[withBias(`${block}.attn.qkv`, 3 * width, width), withBias(`${block}.attn.proj`, width, width)],
        ...[norm(`${block}.norm1`), norm(`${block}.norm2`)],
        ...[withBias(`${block}.mlp.fc1`, feedForward, width), withBias(`${block}.mlp.fc2`, width, feedForward)],
      ];
    }),
    ...norm('visual.merger.ln_q'),
    ...withBias('visual.merger.mlp.0', middle, merge ** 2 * width),
    ...withBias('visual.merger.mlp.2', rowSize, middle),
  },
};

const [float, bits] = [new Float32Array(1), new Uint32Array(1)];
const toBits = (value: number): number => {
  float[0] = value;
  bits[0] = new Uint32Array(float.buffer)[0] as number;
  return bits[0];
};
const roundTo: Readonly<Record<'f32' | 'f16' | 'bf16', (value: number) => number>> = {
  f32: Math.fround,
  f16: Math.f16round,
  bf16: (value) => new Float32Array(Uint32Array.of(toBits(value) & 0xffff0000).buffer)[0] as number,
};

/** A tensor with one dimension stays f32 in every file. */
const typeOf = ({ shape }: ProjectorWeight, type: ProjectorType): ProjectorType => (shape.length === 1 ? 'f32' : type);

/** Draws the weights of a model in the form of transformers. Their values fit the type of the file. */
export function drawProjectorWeights(
  kind: RandomProjector,
  { seed = 1, type = 'f32' }: { readonly seed?: number; readonly type?: 'f32' | 'f16' | 'bf16' } = {},
): ReadonlyMap<string, ProjectorWeight> {
  const random = createSeededRandom(seed);
  return new Map(
    Object.entries(SHAPES[kind]).map(([name, shape]) => {
      const round = roundTo[shape.length === 1 ? 'f32' : type];
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => round(random() - 0.5));
      return [name, { shape, data }];
    }),
  );
}

const CLIP_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^vision_model\.embeddings\.class_embedding$/, 'v.class_embd'],
  [/^vision_model\.embeddings\.patch_embedding\./, 'v.patch_embd.'],
  [/^vision_model\.embeddings\.position_embedding\./, 'v.position_embd.'],
  [/^vision_model\.pre_layrnorm\./, 'v.pre_ln.'],
  [/^vision_model\.post_layernorm\./, 'v.post_ln.'],
  [/^vision_model\.encoder\.layers\.(\d+)\.self_attn\.(\w+)_proj\./, 'v.blk.$1.attn_$2.'],
  [/^vision_model\.encoder\.layers\.(\d+)\.layer_norm(\d)\./, 'v.blk.$1.ln$2.'],
  [/^vision_model\.encoder\.layers\.(\d+)\.mlp\.fc1\./, 'v.blk.$1.ffn_up.'],
  [/^vision_model\.encoder\.layers\.(\d+)\.mlp\.fc2\./, 'v.blk.$1.ffn_down.'],
  [/^multi_modal_projector\.linear_1\./, 'mm.0.'],
  [/^multi_modal_projector\.linear_2\./, 'mm.2.'],
  [/^connector\.modality_projection\.proj\./, 'mm.model.fc.'],
];
const QWEN_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^visual\.blocks\.(\d+)\.attn\.proj\./, 'v.blk.$1.attn_out.'],
  [/^visual\.blocks\.(\d+)\.norm(\d)\./, 'v.blk.$1.ln$2.'],
  [/^visual\.blocks\.(\d+)\.mlp\.fc1\./, 'v.blk.$1.ffn_up.'],
  [/^visual\.blocks\.(\d+)\.mlp\.fc2\./, 'v.blk.$1.ffn_down.'],
  [/^visual\.merger\.ln_q\./, 'v.post_ln.'],
  [/^visual\.merger\.mlp\.(\d)\./, 'mm.$1.'],
];

function rename(name: string, table: typeof CLIP_NAMES): string {
  const entry = table.find(([pattern]) => pattern.test(name));
  if (entry === undefined) throw new Error(`no name for ${name}`);
  return name.replace(...entry);
}

const slice = (
  { shape: [first = 0, ...rest], data }: ProjectorWeight,
  part: number,
  parts: number,
): ProjectorWeight => ({
  shape: [first / parts, ...rest],
  data: data.slice((part * data.length) / parts, ((part + 1) * data.length) / parts),
});

/** One frame of the three-dimensional patches of Qwen2-VL. */
function takeFrame({ shape, data }: ProjectorWeight, frame: number): ProjectorWeight {
  const area = patch ** 2;
  const values = Array.from({ length: (shape[0] as number) * 3 }, (_, index) =>
    data.subarray((2 * index + frame) * area, (2 * index + frame + 1) * area),
  );
  return { shape: [shape[0] as number, 3, patch, patch], data: Float32Array.from(values.flatMap((each) => [...each])) };
}

/** The tensors of the file that the converter of llama.cpp makes of a model of transformers. */
function convert(kind: RandomProjector, weights: ReadonlyMap<string, ProjectorWeight>): Map<string, ProjectorWeight> {
  const converted = [...weights].flatMap(([name, weight]): (readonly [string, ProjectorWeight])[] => {
    if (kind !== 'qwen2_vl') return [[rename(name, CLIP_NAMES), weight]];
    if (name.includes('patch_embed'))
      return ['v.patch_embd.weight', 'v.patch_embd.weight.1'].map((to, frame) => [to, takeFrame(weight, frame)]);
    const qkv = /^visual\.blocks\.(\d+)\.attn\.qkv\.(\w+)$/.exec(name);
    if (qkv === null) return [[rename(name, QWEN_NAMES), weight]];
    return ['q', 'k', 'v'].map((part, index) => [`v.blk.${qkv[1]}.attn_${part}.${qkv[2]}`, slice(weight, index, 3)]);
  });
  return new Map(converted);
}

const u32 = (value: number): GgufValue => ({ type: 'u32', value });
const text = (value: string): GgufValue => ({ type: 'string', value });
const colours = (...value: readonly number[]): GgufValue => ({ type: 'array', of: 'f32', value });

const EXTRA: Readonly<Record<RandomProjector, Readonly<Record<string, GgufValue>>>> = {
  llava: { 'clip.projector_type': text('mlp') },
  idefics3: {
    'clip.projector_type': text('idefics3'),
    'clip.use_gelu': { type: 'bool', value: true },
    'clip.vision.projector.scale_factor': u32(merge),
    'clip.vision.preproc_image_size': u32(PROJECTOR_SIZES.longest),
  },
  qwen2_vl: {
    'clip.projector_type': text('qwen2vl_merger'),
    'clip.vision.image_min_pixels': u32(256),
    'clip.vision.image_max_pixels': u32(4_096),
  },
};

const describe = (kind: RandomProjector): Map<string, GgufValue> =>
  new Map<string, GgufValue>([
    ['general.architecture', text('clip')],
    ['clip.has_vision_encoder', { type: 'bool', value: true }],
    ['clip.vision.image_size', u32(PROJECTOR_SIZES.sides[kind])],
    ['clip.vision.patch_size', u32(patch)],
    ['clip.vision.embedding_length', u32(width)],
    ['clip.vision.feed_forward_length', u32(feedForward)],
    ['clip.vision.projection_dim', u32(rowSize)],
    ['clip.vision.block_count', u32(blocks)],
    ['clip.vision.attention.head_count', u32(PROJECTOR_SIZES.heads)],
    ['clip.vision.attention.layer_norm_epsilon', { type: 'f32', value: PROJECTOR_SIZES.epsilon }],
    ['clip.vision.image_mean', colours(0.5, 0.4, 0.3)],
    ['clip.vision.image_std', colours(0.25, 0.5, 0.75)],
    ...Object.entries(EXTRA[kind]),
  ]);

function encodeValues(data: Float32Array, type: ProjectorType): Uint8Array {
  if (type === 'q8_0') return new Uint8Array((data.length / 32) * 34);
  if (type === 'f32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const halves =
    type === 'f16'
      ? new Uint16Array(Float16Array.from(data).buffer)
      : Uint16Array.from(data, (value) => toBits(value) >>> 16);
  return new Uint8Array(halves.buffer);
}

export interface RandomProjectorOptions {
  readonly seed?: number;
  /** Type of the matrices. Default: f32. */
  readonly type?: ProjectorType;
  /** Changes the file before it is written. */
  readonly change?: (metadata: Map<string, GgufValue>, tensors: Map<string, ProjectorWeight>) => void;
}

/** Writes a projector as the converter of llama.cpp writes it. @returns the weights that it was made of. */
export function writeRandomProjector(
  path: string,
  kind: RandomProjector,
  { seed = 1, type = 'f32', change }: RandomProjectorOptions = {},
): ReadonlyMap<string, ProjectorWeight> {
  const weights = drawProjectorWeights(kind, { seed, type: type === 'q8_0' ? 'f32' : type });
  const metadata = describe(kind);
  const tensors = convert(kind, weights);
  change?.(metadata, tensors);
  const sources = [...tensors].map(([name, weight]): GgufTensorSource => {
    const stored = type === 'q8_0' && (weight.shape.at(-1) as number) % 32 !== 0 ? 'f32' : typeOf(weight, type);
    const dimensions = [...weight.shape].reverse();
    const read = () => [encodeValues(weight.data, stored)];
    return { name, dimensions, type: PROJECTOR_TYPES[stored], read };
  });
  writeGguf(path, { metadata, tensors: sources });
  return weights;
}

import type { EncoderGraph, GraphValue } from './encoder-graph.ts';
import type { ProjectorFile } from './projector-file.ts';

/** Activations by the names of transformers. */
export type Activation = 'gelu' | 'gelu_pytorch_tanh' | 'quick_gelu' | 'silu';

const VISION = 'clip.vision';
const MOST_WIDTH = 1 << 14;
const MOST_FEED_FORWARD = 1 << 16;
const MOST_BLOCKS = 256;
const MOST_HEADS = 256;
/** The most values of a row. */
export const MOST_ROW_SIZE = 1 << 16;

/** Sizes that all kinds of encoders have. */
export interface EncoderShape {
  /** Values of a state. */
  readonly width: number;
  readonly heads: number;
  readonly blocks: number;
  /** Pixels along a side of a patch. */
  readonly patch: number;
  readonly epsilon: number;
}

/** Reads the sizes. @throws ModelError('corrupt') */
export function readEncoderShape(file: ProjectorFile): EncoderShape {
  const width = file.count(`${VISION}.embedding_length`, MOST_WIDTH);
  const heads = file.count(`${VISION}.attention.head_count`, MOST_HEADS);
  if (width % heads !== 0) file.refuse(`${width} values of a state are not ${heads} equal heads`);
  return {
    ...{ width, heads },
    blocks: file.count(`${VISION}.block_count`, MOST_BLOCKS),
    patch: file.count(`${VISION}.patch_size`, 256),
    epsilon: file.fraction(`${VISION}.attention.layer_norm_epsilon`),
  };
}

/** The file and the network that is made of it. */
export interface Build {
  readonly file: ProjectorFile;
  readonly graph: EncoderGraph;
}

/** Computes x * W^T + b of f32[n, in]. The bias may be missing if `needsBias` is false. */
export function addLinear(
  { file, graph }: Build,
  states: GraphValue,
  {
    name,
    from,
    to,
    needsBias = true,
  }: { readonly name: string; readonly from: number; readonly to: number; readonly needsBias?: boolean },
): GraphValue {
  const weight = graph.weight(file.take(`${name}.weight`, [to, from]));
  const hasBias = needsBias || file.hasTensor(`${name}.bias`);
  const bias = hasBias ? [graph.weight(file.take(`${name}.bias`, [to]))] : [];
  return graph.node('Gemm', [states, weight, ...bias], { transB: 1 });
}

export function addNorm(
  { file, graph }: Build,
  states: GraphValue,
  { name, width, epsilon }: { readonly name: string } & Pick<EncoderShape, 'width' | 'epsilon'>,
): GraphValue {
  const [scale, bias] = ['weight', 'bias'].map((part) => graph.weight(file.take(`${name}.${part}`, [width])));
  return graph.node('LayerNormalization', [states, scale as GraphValue, bias as GraphValue], {
    axis: -1,
    epsilon: { float: epsilon },
  });
}

/** Reads the activation that the flags of a file name. */
export function readActivation(file: ProjectorFile, gelu: Activation): Activation {
  const [isGelu, isSilu] = [file.flag('clip.use_gelu'), file.flag('clip.use_silu')];
  if (isGelu && isSilu) file.refuse('clip.use_gelu and clip.use_silu are both true');
  return isGelu ? gelu : isSilu ? 'silu' : 'quick_gelu';
}

const QUICK = 1.702;

export function addActivation(graph: EncoderGraph, value: GraphValue, activation: Activation): GraphValue {
  const scalar = (number: number): GraphValue => graph.floats([number], []);
  const multiply = (a: GraphValue, b: GraphValue): GraphValue => graph.node('Mul', [a, b]);
  if (activation === 'silu') return multiply(value, graph.node('Sigmoid', [value]));
  if (activation === 'quick_gelu') return multiply(value, graph.node('Sigmoid', [multiply(value, scalar(QUICK))]));
  const bend = (): GraphValue => {
    if (activation === 'gelu') return graph.node('Erf', [multiply(value, scalar(Math.SQRT1_2))]);
    const cube = multiply(multiply(value, multiply(value, value)), scalar(0.044715));
    return graph.node('Tanh', [multiply(graph.node('Add', [value, cube]), scalar(Math.sqrt(2 / Math.PI)))]);
  };
  return multiply(multiply(value, scalar(0.5)), graph.node('Add', [bend(), scalar(1)]));
}

/** A matrix, and the values that it makes of each state. */
interface FeedForward {
  readonly up: string;
  readonly down: string;
  readonly size: number;
}

/**
 * Finds the two matrices of a block between its states. Older files name them the wrong way round, so their shapes decide. The
 * configuration is no help: it has 0 or another model's size in some published files.
 */
function findFeedForward(file: ProjectorFile, block: string, width: number): FeedForward {
  const [up, down] = [`${block}.ffn_up`, `${block}.ffn_down`];
  const [to = 0, from = 0] = file.shapeOf(`${up}.weight`);
  if (to === from) file.refuse(`tensor ${up}.weight is square, so it cannot be told from ${down}.weight`);
  const isSwapped = to === width;
  const size = isSwapped ? from : to;
  if (size < 1 || size > MOST_FEED_FORWARD)
    file.refuse(`tensor ${up}.weight has ${size} values; possible are 1 to ${MOST_FEED_FORWARD}`);
  return isSwapped ? { up: down, down: up, size } : { up, down, size };
}

/** Turns queries or keys, f32[n, heads, head], by the places of their patches. */
export type Rotation = (heads: GraphValue) => GraphValue;

/**
 * Mixes values f32[n, heads, head] to f32[heads, n, head]. One head follows another: the comparisons of all patches of a large picture with
 * each other would take gigabytes for all heads at once.
 */
function addAttention(
  graph: EncoderGraph,
  { query, key, value }: Readonly<Record<'query' | 'key' | 'value', GraphValue>>,
  { heads, head }: { readonly heads: number; readonly head: number },
): GraphValue {
  const cut = (states: GraphValue, order: readonly number[]): readonly GraphValue[] =>
    graph.split(graph.transpose(states, order), heads, 0);
  const scaled = graph.node('Mul', [query, graph.floats([1 / Math.sqrt(head)], [])]);
  const [queries, keys, values] = [cut(scaled, [1, 0, 2]), cut(key, [1, 2, 0]), cut(value, [1, 0, 2])];
  const mixed = queries.map((each, index) => {
    const scores = graph.node('MatMul', [each, keys[index] as GraphValue]);
    const shares = graph.node('Softmax', [scores], { axis: -1 });
    return graph.node('MatMul', [shares, values[index] as GraphValue]);
  });
  return graph.node('Concat', mixed, { axis: 0 });
}

/** Adds the blocks of a vision transformer to states f32[n, width]. */
export function addBlocks(
  build: Build,
  states: GraphValue,
  {
    shape: { width, heads, epsilon },
    count,
    activation,
    rotate,
  }: {
    readonly shape: EncoderShape;
    /** Blocks that are computed. */
    readonly count: number;
    readonly activation: Activation;
    readonly rotate?: Rotation;
  },
): GraphValue {
  const { file, graph } = build;
  const head = width / heads;
  let current = states;
  for (let index = 0; index < count; index++) {
    const block = `v.blk.${index}`;
    const norm = (value: GraphValue, name: string): GraphValue =>
      addNorm(build, value, { name: `${block}.${name}`, width, epsilon });
    const normed = norm(current, 'ln1');
    const read = (part: string): GraphValue =>
      graph.reshape(addLinear(build, normed, { name: `${block}.attn_${part}`, from: width, to: width }), [
        0,
        heads,
        head,
      ]);
    const [query, key] = ['q', 'k'].map((part) => (rotate ? rotate(read(part)) : read(part))) as [
      GraphValue,
      GraphValue,
    ];
    const mixed = addAttention(graph, { query, key, value: read('v') }, { heads, head });
    const joined = graph.reshape(graph.transpose(mixed, [1, 0, 2]), [-1, width]);
    const attended = addLinear(build, joined, { name: `${block}.attn_out`, from: width, to: width });
    const between = graph.node('Add', [current, attended]);
    const { up, down, size } = findFeedForward(file, block, width);
    const wide = addLinear(build, norm(between, 'ln2'), { name: up, from: width, to: size });
    const bent = addActivation(graph, wide, activation);
    current = graph.node('Add', [between, addLinear(build, bent, { name: down, from: size, to: width })]);
  }
  return current;
}

/** Cuts f32[1, 3, side, side] into patches: f32[patches, width], row by row. */
export function addPatches(
  { file, graph }: Build,
  pixels: GraphValue,
  { width, patch, needsBias }: Pick<EncoderShape, 'width' | 'patch'> & { readonly needsBias: boolean },
): GraphValue {
  const name = 'v.patch_embd';
  const weight = graph.weight(file.take(`${name}.weight`, [width, 3, patch, patch]));
  const hasBias = needsBias || file.hasTensor(`${name}.bias`);
  const bias = hasBias ? [graph.weight(file.take(`${name}.bias`, [width]))] : [];
  const grid = graph.node('Conv', [pixels, weight, ...bias], {
    kernel_shape: [patch, patch],
    strides: [patch, patch],
  });
  return graph.transpose(graph.reshape(grid, [width, -1]), [1, 0]);
}

/** Sizes of a matrix of the projector. @returns the values that it makes. */
export function readOutputSize(file: ProjectorFile, name: string): number {
  const [size = 0] = file.shapeOf(`${name}.weight`);
  if (size < 1 || size > MOST_ROW_SIZE)
    file.refuse(`tensor ${name}.weight makes ${size} values; possible are 1 to ${MOST_ROW_SIZE}`);
  return size;
}

/** Refuses a row of another size than the configuration says. */
export function assertRowSize(file: ProjectorFile, size: number): void {
  const key = `${VISION}.projection_dim`;
  const said = file.count(key, MOST_ROW_SIZE, size);
  if (said !== size) file.refuse(`${key} is ${said}, and rows have ${size} values`);
}

/** Fields of the preprocessor that every kind has. */
export const readColours = (file: ProjectorFile) => ({
  image_mean: file.colours(`${VISION}.image_mean`),
  image_std: file.colours(`${VISION}.image_std`),
});

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { encodeNetwork, type OnnxNetwork, type OnnxNode } from './onnx-bytes.ts';
import { pathOfPictureModel } from './picture-folder.ts';

/** Latent and picture of Stable Diffusion 1.5: 64x64 values in 4 channels, 512x512 pixels. */
const LATENT_SIDE = 64;
const LATENT_CHANNELS = 4;
const LEVELS = [1, 2, 4, 4];
const DECODER_LEVELS = 4;
/** The original has 128 to 512. */
const DECODER_WIDTH = 16;
/** Values of a token's state in the small text encoder whose files are reused. */
const TEXT_WIDTH = 64;
const GROUPS = 8;

interface Graph {
  readonly network: Pick<OnnxNetwork, 'nodes' | 'weights'>;
  /** Adds a node. @returns its output. */
  readonly add: (operator: string, inputs: readonly string[], attributes?: OnnxNode['attributes']) => string;
  /** Random weights. Layers of one shape share them, which keeps the file small. */
  readonly weight: (...shape: number[]) => string;
  readonly integers: (...values: number[]) => string;
  readonly floats: (...values: number[]) => string;
}

function createGraph(seed: number): Graph {
  const random = createSeededRandom(seed);
  const nodes: OnnxNode[] = [];
  const weights: Record<string, OnnxNetwork['weights'][string]> = {};
  return {
    network: { nodes, weights },
    add(operator, inputs, attributes = {}) {
      const output = `v${nodes.length}`;
      nodes.push({ operator, inputs, output, attributes });
      return output;
    },
    weight(...shape) {
      const name = `w${shape.join('x')}`;
      const scale = Math.sqrt(3 / shape.slice(1).reduce((a, b) => a * b, 1));
      const count = shape.reduce((a, b) => a * b, 1);
      weights[name] ??= { shape, data: Float32Array.from({ length: count }, () => (2 * random() - 1) * scale) };
      return name;
    },
    integers(...values) {
      const name = `i${values.join('_')}`;
      weights[name] ??= { shape: [values.length], data: BigInt64Array.from(values, BigInt) };
      return name;
    },
    floats(...values) {
      const name = `f${values.join('_')}`;
      weights[name] ??= { shape: [values.length], data: Float32Array.from(values) };
      return name;
    },
  };
}

const convolve = ({ add, weight }: Graph, from: string, [to, width]: readonly [number, number], stride = 1): string =>
  add('Conv', [from, weight(to, width, 3, 3)], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [stride, stride] });

const silu = ({ add }: Graph, from: string): string => add('Mul', [from, add('Sigmoid', [from])]);

/** Group normalisation, out of the operators of version 17. */
function normalise({ add, integers, floats }: Graph, from: string): string {
  const scale = floats(...Array.from({ length: GROUPS }, () => 1));
  const bias = floats(...Array.from({ length: GROUPS }, () => 0));
  const grouped = add('Reshape', [from, integers(0, GROUPS, -1)]);
  return add('Reshape', [add('InstanceNormalization', [grouped, scale, bias]), add('Shape', [from])]);
}

/** A residual block, with the state of the time. */
function addResidual(graph: Graph, from: string, [to, width]: readonly [number, number], time?: string): string {
  const { add, weight, integers } = graph;
  let inner = convolve(graph, silu(graph, normalise(graph, from)), [to, width]);
  if (time !== undefined) {
    const state = add('MatMul', [time, weight(TEXT_WIDTH, to)]);
    inner = add('Add', [inner, add('Reshape', [state, integers(1, to, 1, 1)])]);
  }
  inner = convolve(graph, silu(graph, normalise(graph, inner)), [to, to]);
  const kept = to === width ? from : add('Conv', [from, weight(to, width, 1, 1)], { kernel_shape: [1, 1] });
  return add('Add', [inner, kept]);
}

/** A transformer block: attention on the picture, on the prompt, and a feed-forward network. */
function addTransformer(graph: Graph, from: string, width: number, text: string): string {
  const { add, weight, integers } = graph;
  const rows = add('Transpose', [add('Reshape', [normalise(graph, from), integers(0, width, -1)])], {
    perm: [0, 2, 1],
  });
  const attend = (states: string, seen: string, seenWidth: number): string => {
    const query = add('MatMul', [states, weight(width, width)]);
    const key = add('MatMul', [seen, weight(seenWidth, width)]);
    const scores = add('MatMul', [query, add('Transpose', [key], { perm: [0, 2, 1] })]);
    const scaled = add('Mul', [scores, graph.floats(1 / Math.sqrt(width))]);
    const mixed = add('MatMul', [add('Softmax', [scaled], { axis: 2 }), key]);
    return add('Add', [states, add('MatMul', [mixed, weight(width, width)])]);
  };
  const read = attend(attend(rows, rows, width), text, TEXT_WIDTH);
  const wide = silu(graph, add('MatMul', [read, weight(width, 4 * width)]));
  const states = add('Add', [read, add('MatMul', [wide, weight(4 * width, width)])]);
  return add('Add', [from, add('Reshape', [add('Transpose', [states], { perm: [0, 2, 1] }), add('Shape', [from])])]);
}

const enlarge = ({ add, floats }: Graph, from: string): string => add('Resize', [from, '', floats(1, 1, 2, 2)]);

/** The UNet of Stable Diffusion 1.5 with fewer channels: four levels of two blocks, attention in three of them. */
function createUnet(channels: number): OnnxNetwork {
  const graph = createGraph(1);
  const { add, weight, integers } = graph;
  const time = add('MatMul', [
    add('Sin', [
      add('Mul', [add('Reshape', [add('Cast', ['timestep'], { to: 1 }), integers(1, 1)]), weight(1, TEXT_WIDTH)]),
    ]),
    weight(TEXT_WIDTH, TEXT_WIDTH),
  ]);
  const widths = LEVELS.map((factor) => factor * channels);
  const last = widths.length - 1;
  let width = widths[0] as number;
  let state = convolve(graph, 'sample', [width, LATENT_CHANNELS]);
  const skips: [string, number][] = [[state, width]];
  for (const [level, to] of widths.entries()) {
    for (let block = 0; block < 2; block++) {
      state = addResidual(graph, state, [to, width], time);
      width = to;
      if (level < last) state = addTransformer(graph, state, width, 'encoder_hidden_states');
      skips.push([state, width]);
    }
    if (level < last) {
      state = convolve(graph, state, [width, width], 2);
      skips.push([state, width]);
    }
  }
  state = addResidual(graph, state, [width, width], time);
  state = addTransformer(graph, state, width, 'encoder_hidden_states');
  state = addResidual(graph, state, [width, width], time);
  for (const [i, to] of [...widths].reverse().entries()) {
    for (let block = 0; block < 3; block++) {
      const [skip, more] = skips.pop() as [string, number];
      state = addResidual(graph, add('Concat', [state, skip], { axis: 1 }), [to, width + more], time);
      width = to;
      if (i > 0) state = addTransformer(graph, state, width, 'encoder_hidden_states');
    }
    if (i < last) state = convolve(graph, enlarge(graph, state), [width, width]);
  }
  const output = convolve(graph, silu(graph, normalise(graph, state)), [LATENT_CHANNELS, width]);
  const shape = [1, LATENT_CHANNELS, LATENT_SIDE, LATENT_SIDE];
  return {
    inputs: [
      { name: 'sample', type: 'float32', shape },
      { name: 'timestep', type: 'int64', shape: ['batch'] },
      { name: 'encoder_hidden_states', type: 'float32', shape: [1, 'tokens', TEXT_WIDTH] },
    ],
    outputs: [{ name: 'out_sample', type: 'float32', shape }],
    ...nameOutput(graph, output, 'out_sample'),
  };
}

/** A decoder of latents with eight pixels a side for each value. */
function createDecoder(channels: number): OnnxNetwork {
  const graph = createGraph(2);
  let state = convolve(graph, 'latent_sample', [channels, LATENT_CHANNELS]);
  for (let level = 0; level < DECODER_LEVELS; level++) {
    state = addResidual(graph, state, [channels, channels]);
    if (level < DECODER_LEVELS - 1) state = convolve(graph, enlarge(graph, state), [channels, channels]);
  }
  const output = convolve(graph, silu(graph, normalise(graph, state)), [3, channels]);
  const side = LATENT_SIDE * 2 ** (DECODER_LEVELS - 1);
  return {
    inputs: [{ name: 'latent_sample', type: 'float32', shape: [1, LATENT_CHANNELS, LATENT_SIDE, LATENT_SIDE] }],
    outputs: [{ name: 'sample', type: 'float32', shape: [1, 3, side, side] }],
    ...nameOutput(graph, output, 'sample'),
  };
}

const nameOutput = ({ network: { nodes, weights } }: Graph, output: string, name: string): Graph['network'] => ({
  nodes: [...nodes, { operator: 'Identity', inputs: [output], output: name }],
  weights,
});

/**
 * Writes a model of the shape of Stable Diffusion 1.5 with random weights: its latent, its levels and its attention, and fewer channels.
 * @param channels of the first level; the original has 320. @returns its path.
 */
export function writeRandomUnet(channels: number, folder: string): string {
  const path = join(folder, `random-unet-${channels}`);
  const tiny = pathOfPictureModel('tiny-shapes-ddim-unet');
  for (const part of ['scheduler', 'text_encoder', 'tokenizer'])
    cpSync(join(tiny, part), join(path, part), { recursive: true });
  const index = JSON.parse(readFileSync(join(tiny, 'model_index.json'), 'utf8')) as Record<string, unknown>;
  delete index.vae_encoder;
  writeFileSync(join(path, 'model_index.json'), JSON.stringify(index));
  const write = (component: string, config: object, network: OnnxNetwork): void => {
    mkdirSync(join(path, component), { recursive: true });
    writeFileSync(join(path, component, 'config.json'), JSON.stringify(config));
    writeFileSync(join(path, component, 'model.onnx'), encodeNetwork(network));
  };
  const unet = {
    ...{ _class_name: 'UNet2DConditionModel', in_channels: LATENT_CHANNELS, out_channels: LATENT_CHANNELS },
    ...{ sample_size: LATENT_SIDE, cross_attention_dim: TEXT_WIDTH },
    block_out_channels: LEVELS.map((factor) => factor * channels),
  };
  write('unet', unet, createUnet(channels));
  const decoder = {
    ...{ _class_name: 'AutoencoderKL', latent_channels: LATENT_CHANNELS, scaling_factor: 0.18215 },
    block_out_channels: Array.from({ length: DECODER_LEVELS }, () => DECODER_WIDTH),
  };
  write('vae_decoder', decoder, createDecoder(DECODER_WIDTH));
  return path;
}

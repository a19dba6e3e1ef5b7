import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { encodeNetwork, encodeNetworkBeside, type OnnxNetwork, type OnnxNode, type OnnxValue } from './onnx-bytes.ts';

/** Kinds of models of pictures, by the models whose folders have their form. */
export const RANDOM_PICTURES = ['sd', 'sdxl', 'sd3', 'sd3-without-t5', 'flux'] as const;
export type RandomPictures = (typeof RANDOM_PICTURES)[number];

export interface RandomPicturesOptions {
  readonly seed?: number;
  /** Weights of the denoiser lie in `model.onnx_data`. Default: in `model.onnx`. */
  readonly isSplit?: boolean;
}

type Weight = OnnxNetwork['weights'][string];
type Draw = (...shape: number[]) => Weight;

/** A component of a folder. Its network is drawn. */
interface PictureComponent {
  readonly config: object;
  readonly network: (draw: Draw) => OnnxNetwork;
}

interface PictureRecipe {
  readonly index: object;
  readonly scheduler: object;
  /** Tokenizers by their names. */
  readonly tokenizers: Readonly<Record<string, 'clip' | 't5'>>;
  readonly components: Readonly<Record<string, PictureComponent>>;
}

const SCALE = 4;
/** Latents of 8x8 values are pictures of 32x32 pixels. */
const SIDE = 8;
const TOKENS = 8;
const T5_TOKENS = 10;

const shapeOf = (...values: readonly number[]): Weight => ({
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const oneNode = (operator: string, inputs: readonly string[], output: string, attributes = {}): OnnxNode => ({
  ...{ operator, inputs, output, attributes },
});
const floats = (name: string, ...shape: readonly (number | string)[]): OnnxValue => ({ name, type: 'float32', shape });
const whole = (name: string, ...shape: readonly (number | string)[]): OnnxValue => ({ name, type: 'int64', shape });

/** Letters, one token each, alone and at the end of a word, and a word made by merges. */
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
export const CLIP_VOCABULARY: readonly string[] = [
  ...['!', ...LETTERS, ...LETTERS.map((letter) => `${letter}</w>`), '!</w>', 're', 'red</w>', 'ci', 'bl'],
  ...['<|startoftext|>', '<|endoftext|>'],
];
const MERGES = ['#version: 0.2', 'r e', 're d</w>', 'c i', 'b l', ''];

const writeJson = (path: string, value: object): void => writeFileSync(path, JSON.stringify(value));

/** Writes the files of a tokenizer of CLIP as they stand beside many models: without `tokenizer.json`. */
function writeClipTokenizer(folder: string, padding: string): void {
  writeJson(join(folder, 'vocab.json'), Object.fromEntries(CLIP_VOCABULARY.map((token, id) => [token, id])));
  writeFileSync(join(folder, 'merges.txt'), MERGES.join('\n'));
  const special = { bos_token: '<|startoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>' };
  writeJson(join(folder, 'special_tokens_map.json'), { ...special, pad_token: padding });
  writeJson(join(folder, 'tokenizer_config.json'), {
    ...{ ...special, pad_token: padding, tokenizer_class: 'CLIPTokenizer', model_max_length: TOKENS },
  });
}

interface TextShape {
  readonly width: number;
  readonly tokens: number;
  readonly vocabulary: number;
}

/** An encoder of two layers, whose states all depend on the ids. */
const encodeIds = (draw: Draw, { width, vocabulary }: TextShape) => ({
  inputs: [whole('input_ids', 'batch', 'tokens')],
  nodes: [
    oneNode('Gather', ['words', 'input_ids'], 'hidden_states.0'),
    oneNode('MatMul', ['hidden_states.0', 'first'], 'wide'),
    oneNode('Tanh', ['wide'], 'hidden_states.1'),
    oneNode('MatMul', ['hidden_states.1', 'second'], 'wider'),
    oneNode('Tanh', ['wider'], 'last_hidden_state'),
  ],
  weights: { words: draw(vocabulary, width), first: draw(width, width), second: draw(width, width) },
});

const clipShape = (width: number): TextShape => ({ width, tokens: TOKENS, vocabulary: CLIP_VOCABULARY.length });
const textConfig = ({ width, tokens, vocabulary }: TextShape, type: string): object => ({
  ...{ model_type: type, hidden_size: width, vocab_size: vocabulary, max_position_embeddings: tokens },
  num_hidden_layers: 2,
});

/** An encoder of CLIP. @param pooled output of one vector of the whole prompt. */
function createClip(width: number, pooled: 'pooler_output' | 'text_embeds'): PictureComponent {
  const shape = clipShape(width);
  return {
    config: textConfig(shape, pooled === 'text_embeds' ? 'clip_text_model_with_projection' : 'clip_text_model'),
    network: (draw) => {
      const { inputs, nodes, weights } = encodeIds(draw, shape);
      const states = ['last_hidden_state', 'hidden_states.0', 'hidden_states.1'];
      return {
        inputs,
        outputs: [...states.map((name) => floats(name, 'batch', 'tokens', width)), floats(pooled, 'batch', width)],
        nodes: [
          ...nodes,
          oneNode('ReduceMean', ['last_hidden_state'], 'mean', { axes: [1], keepdims: 0 }),
          oneNode('MatMul', ['mean', 'projection'], pooled),
        ],
        weights: { ...weights, projection: draw(width, width) },
      };
    },
  };
}

/** A decoder of latents to pixels, four times as large. */
const createDecoder = (channels: number): PictureComponent => ({
  config: { latent_channels: channels, scaling_factor: 0.5, block_out_channels: [8, 8, 8] },
  network: (draw) => ({
    inputs: [floats('latent_sample', 'batch', channels, 'height', 'width')],
    outputs: [floats('sample', 'batch', 3, 'height', 'width')],
    nodes: [
      {
        ...oneNode('ConvTranspose', ['latent_sample', 'spread'], 'planes'),
        attributes: { kernel_shape: [SCALE, SCALE], strides: [SCALE, SCALE] },
      },
      oneNode('Tanh', ['planes'], 'sample'),
    ],
    weights: { spread: draw(channels, 3, SCALE, SCALE) },
  }),
});

/** An encoder of pixels to means and log-variances of a latent. */
const createEncoder = (channels: number): PictureComponent => ({
  config: { latent_channels: channels, scaling_factor: 0.5, block_out_channels: [8, 8, 8] },
  network: (draw) => ({
    inputs: [floats('sample', 'batch', 3, 'height', 'width')],
    outputs: [floats('latent_parameters', 'batch', 2 * channels, 'height', 'width')],
    nodes: [
      {
        ...oneNode('Conv', ['sample', 'gather'], 'latent_parameters'),
        attributes: { kernel_shape: [SCALE, SCALE], strides: [SCALE, SCALE] },
      },
    ],
    weights: { gather: draw(2 * channels, 3, SCALE, SCALE) },
  }),
});

/** One vector of all conditions: the sum of a projection of each. Rows of a sequence are averaged first. */
interface Condition {
  readonly input: OnnxValue;
  readonly width: number;
  /** Factor, so that large numbers do not drown the others. */
  readonly factor?: number;
}

const listConditionNodes = (conditions: readonly Condition[], channels: number, draw: Draw) => {
  const nodes: OnnxNode[] = [];
  const weights: Record<string, Weight> = {};
  let sum: string | undefined;
  for (const { input, width, factor = 1 } of conditions) {
    const { name, type, shape } = input;
    let value = name;
    const step = (operator: string, more: readonly string[], output: string, attributes = {}): void => {
      nodes.push(oneNode(operator, [value, ...more], `${name}_${output}`, attributes));
      value = `${name}_${output}`;
    };
    if (type !== 'float32') step('Cast', [], 'cast', { to: 1 });
    if (shape.length === 3) step('ReduceMean', [], 'mean', { axes: [1], keepdims: 0 });
    if (shape.length === 1) {
      weights[`${name}_row`] = shapeOf(-1, 1);
      step('Reshape', [`${name}_row`], 'column');
    }
    weights[`${name}_projection`] = scaleBy(draw(width, channels), factor);
    step('MatMul', [`${name}_projection`], 'projected');
    if (sum === undefined) sum = value;
    else {
      nodes.push(oneNode('Add', [sum, value], `${name}_sum`));
      sum = `${name}_sum`;
    }
  }
  return { nodes, weights, sum: sum as string };
};

const scaleBy = ({ shape, data }: Weight, factor: number): Weight => ({
  shape,
  data: data instanceof Float32Array ? data.map((value) => value * factor) : data,
});

/** A UNet in miniature: neighbours of a latent value, and all conditions, decide about its noise. */
const createUnet = (channels: number, conditions: readonly Condition[], config: object): PictureComponent => ({
  config: { in_channels: channels, sample_size: SIDE, block_out_channels: [8, 8], ...config },
  network: (draw) => {
    const time = { input: floats('timestep', 'steps'), width: 1, factor: 1e-3 };
    const all = listConditionNodes([time, ...conditions], channels, draw);
    return {
      inputs: [
        floats('sample', 'batch', channels, 'height', 'width'),
        time.input,
        ...conditions.map(({ input }) => input),
      ],
      outputs: [floats('out_sample', 'batch', channels, 'height', 'width')],
      nodes: [
        {
          ...oneNode('Conv', ['sample', 'neighbours'], 'spread'),
          attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
        },
        ...all.nodes,
        oneNode('Reshape', [all.sum, 'place'], 'condition'),
        oneNode('Add', ['spread', 'condition'], 'guided'),
        oneNode('Tanh', ['guided'], 'out_sample'),
      ],
      weights: { neighbours: draw(channels, channels, 3, 3), place: shapeOf(1, channels, 1, 1), ...all.weights },
    };
  },
});

const DIFFUSION = {
  ...{ _class_name: 'EulerDiscreteScheduler', num_train_timesteps: 1_000, beta_start: 0.00085, beta_end: 0.012 },
  ...{ beta_schedule: 'scaled_linear', prediction_type: 'epsilon', timestep_spacing: 'leading', steps_offset: 1 },
};

const states = (width: number): Condition => ({
  ...{ input: floats('encoder_hidden_states', 'batch', 'tokens', width), width },
});

const T5_WORDS = ['a', 'red', 'blue', 'circle', 'square'];
/** Pieces of a vocabulary of T5 with their scores: the end of a text, unknown text, words, and letters. */
const T5_PIECES: readonly (readonly [string, number])[] = [
  ...[['<pad>', 0] as const, ['</s>', 0] as const, ['<unk>', 0] as const, ['▁', -4] as const],
  ...T5_WORDS.map((word) => [`▁${word}`, -2] as const),
  ...LETTERS.map((letter) => [letter, -6] as const),
];

/** Writes a tokenizer of T5: the likeliest pieces of a text, and a token for its end. */
function writeT5Tokenizer(folder: string): void {
  const names = ['<pad>', '</s>', '<unk>'];
  writeJson(join(folder, 'tokenizer.json'), {
    ...{ version: '1.0', truncation: null, padding: null, normalizer: null },
    added_tokens: names.map((content, id) => ({
      ...{ id, content, special: true, normalized: false, single_word: false, lstrip: false, rstrip: false },
    })),
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
      special_tokens: { '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] } },
    },
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
    model: { type: 'Unigram', unk_id: 2, vocab: T5_PIECES, byte_fallback: false },
  });
  writeJson(join(folder, 'tokenizer_config.json'), {
    ...{ tokenizer_class: 'T5Tokenizer', model_max_length: T5_TOKENS, pad_token: '<pad>' },
    ...{ eos_token: '</s>', unk_token: '<unk>' },
  });
}

/** An encoder of T5: it has no vector of the whole prompt. */
function createT5(width: number): PictureComponent {
  const shape = { width, tokens: T5_TOKENS, vocabulary: T5_PIECES.length };
  return {
    config: { model_type: 't5', d_model: width, vocab_size: shape.vocabulary, num_layers: 2 },
    network: (draw) => ({
      ...encodeIds(draw, shape),
      outputs: [floats('last_hidden_state', 'batch', 'tokens', width)],
    }),
  };
}

const FLOW = { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1_000, shift: 3 };
const STATES_SD3 = 40;
const STATES_FLUX = 24;

/** A transformer of Stable Diffusion 3 in miniature: as the UNet, with other names. */
const createSd3 = (): PictureComponent => {
  const channels = 4;
  const { network } = createUnet(
    channels,
    [states(STATES_SD3), { input: floats('pooled_projections', 'batch', 32), width: 32 }],
    {},
  );
  return {
    config: { in_channels: channels, sample_size: SIDE, patch_size: 2, joint_attention_dim: STATES_SD3 },
    network: (draw) => renameValues(network(draw), { sample: 'hidden_states', out_sample: 'out_hidden_states' }),
  };
};

/** A transformer of Flux in miniature: it reads tokens of 2x2 places, and mixes each with the mean of all and the conditions. */
const createFlux = (): PictureComponent => {
  const width = 16;
  const conditions: readonly Condition[] = [
    { input: floats('timestep', 'steps'), width: 1 },
    { input: floats('encoder_hidden_states', 'batch', 'texts', STATES_FLUX), width: STATES_FLUX },
    { input: floats('pooled_projections', 'batch', 12), width: 12 },
    { input: floats('guidance', 'batch'), width: 1, factor: 0.2 },
  ];
  return {
    // Real ones state no size, which would make the pictures of a test large.
    config: { in_channels: width, sample_size: SIDE, joint_attention_dim: STATES_FLUX, guidance_embeds: true },
    network: (draw) => {
      const all = listConditionNodes(conditions, width, draw);
      return {
        inputs: [
          ...[floats('hidden_states', 'batch', 'tokens', width), ...conditions.map(({ input }) => input)],
          ...[floats('img_ids', 'tokens', 3), floats('txt_ids', 'texts', 3)],
        ],
        outputs: [floats('out_hidden_states', 'batch', 'tokens', width)],
        nodes: [
          oneNode('MatMul', ['hidden_states', 'inside'], 'own'),
          oneNode('ReduceMean', ['own'], 'mean', { axes: [1], keepdims: 1 }),
          oneNode('Add', ['own', 'mean'], 'mixed'),
          oneNode('MatMul', ['img_ids', 'places'], 'placed'),
          oneNode('Add', ['mixed', 'placed'], 'numbered'),
          oneNode('ReduceMean', ['txt_ids'], 'zero', { axes: [0, 1], keepdims: 0 }),
          ...all.nodes,
          oneNode('Add', [all.sum, 'zero'], 'condition'),
          oneNode('Add', ['numbered', 'condition'], 'guided'),
          oneNode('Tanh', ['guided'], 'out_hidden_states'),
        ],
        weights: { inside: draw(width, width), places: scaleBy(draw(3, width), 0.1), ...all.weights },
      };
    },
  };
};

function renameValues(network: OnnxNetwork, names: Readonly<Record<string, string>>): OnnxNetwork {
  const rename = (name: string): string => names[name] ?? name;
  return {
    ...network,
    inputs: network.inputs.map((value) => ({ ...value, name: rename(value.name) })),
    outputs: network.outputs.map((value) => ({ ...value, name: rename(value.name) })),
    nodes: network.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), output: rename(node.output) })),
  };
}

const RECIPES: Readonly<Record<RandomPictures, PictureRecipe>> = {
  sd: {
    index: { _class_name: 'StableDiffusionPipeline' },
    scheduler: DIFFUSION,
    tokenizers: { tokenizer: 'clip' },
    components: {
      text_encoder: createClip(12, 'pooler_output'),
      unet: createUnet(4, [states(12)], {}),
      vae_decoder: createDecoder(4),
      vae_encoder: createEncoder(4),
    },
  },
  sdxl: {
    index: { _class_name: 'StableDiffusionXLPipeline', force_zeros_for_empty_prompt: true },
    scheduler: DIFFUSION,
    tokenizers: { tokenizer: 'clip', tokenizer_2: 'clip' },
    components: {
      text_encoder: createClip(12, 'pooler_output'),
      text_encoder_2: createClip(20, 'text_embeds'),
      unet: createUnet(
        4,
        [
          states(32),
          { input: floats('text_embeds', 'batch', 20), width: 20 },
          { input: floats('time_ids', 'batch', 6), width: 6, factor: 1e-2 },
        ],
        {},
      ),
      vae_decoder: createDecoder(4),
      vae_encoder: createEncoder(4),
    },
  },
  sd3: {
    index: { _class_name: 'StableDiffusion3Pipeline' },
    scheduler: FLOW,
    tokenizers: { tokenizer: 'clip', tokenizer_2: 'clip', tokenizer_3: 't5' },
    components: {
      text_encoder: createClip(12, 'text_embeds'),
      text_encoder_2: createClip(20, 'text_embeds'),
      text_encoder_3: createT5(STATES_SD3),
      transformer: createSd3(),
      vae_decoder: createDecoder(4),
      vae_encoder: createEncoder(4),
    },
  },
  flux: {
    index: { _class_name: 'FluxPipeline' },
    scheduler: { ...FLOW, use_dynamic_shifting: true, base_shift: 0.5, max_shift: 1.15 },
    tokenizers: { tokenizer: 'clip', tokenizer_2: 't5' },
    components: {
      text_encoder: createClip(12, 'pooler_output'),
      text_encoder_2: createT5(STATES_FLUX),
      transformer: createFlux(),
      vae_decoder: createDecoder(4),
      vae_encoder: createEncoder(4),
    },
  },
  'sd3-without-t5': {
    index: { _class_name: 'StableDiffusion3Pipeline', text_encoder_3: [null, null], tokenizer_3: [null, null] },
    scheduler: FLOW,
    tokenizers: { tokenizer: 'clip', tokenizer_2: 'clip' },
    components: {
      text_encoder: createClip(12, 'text_embeds'),
      text_encoder_2: createClip(20, 'text_embeds'),
      transformer: createSd3(),
      vae_decoder: createDecoder(4),
    },
  },
};

/** Writes the folder of a model of pictures with random weights, as optimum exports it. @returns its path. */
export function writeRandomPictures(
  kind: RandomPictures,
  folder: string,
  { seed = 1, isSplit = false }: RandomPicturesOptions = {},
): string {
  const { index, scheduler, tokenizers, components } = RECIPES[kind];
  const random = createSeededRandom(seed);
  const draw: Draw = (...shape) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() - 0.5),
  });
  const path = join(folder, `${kind}-${seed}`);
  const place = (name: string): string => {
    mkdirSync(join(path, name), { recursive: true });
    return join(path, name);
  };
  writeJson(join(place('scheduler'), 'scheduler_config.json'), scheduler);
  for (const [name, type] of Object.entries(tokenizers)) {
    if (type === 't5') writeT5Tokenizer(place(name));
    else writeClipTokenizer(place(name), name === 'tokenizer' ? '<|endoftext|>' : '!');
  }
  for (const [name, { config, network }] of Object.entries(components)) {
    writeJson(join(place(name), 'config.json'), config);
    const drawn = network(draw);
    const isDenoiser = name === 'unet' || name === 'transformer';
    if (!isSplit || !isDenoiser) writeFileSync(join(path, name, 'model.onnx'), encodeNetwork(drawn));
    else {
      const { model, weights } = encodeNetworkBeside(drawn, 'model.onnx_data');
      writeFileSync(join(path, name, 'model.onnx'), model);
      writeFileSync(join(path, name, 'model.onnx_data'), weights);
    }
  }
  const parts = ['scheduler', ...Object.keys(tokenizers), ...Object.keys(components)];
  writeJson(join(path, 'model_index.json'), {
    ...{ ...index, _diffusers_version: '0.35.0' },
    ...Object.fromEntries(parts.map((name) => [name, ['optimum', name]])),
  });
  return path;
}

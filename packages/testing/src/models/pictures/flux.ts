import { createDecoder, createEncoder } from './autoencoder.ts';
import { createClip } from './clip.ts';
import {
  type Condition,
  floats,
  listConditionNodes,
  oneNode,
  type PictureComponent,
  type PictureRecipe,
  SIDE,
  scaleBy,
} from './recipe.ts';
import { FLOW } from './stable-diffusion-3.ts';
import { createT5 } from './t5.ts';

const STATES_FLUX = 24;

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

export const flux: PictureRecipe = {
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
};

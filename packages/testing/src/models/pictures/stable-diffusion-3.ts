import type { OnnxNetwork } from '../onnx-bytes.ts';
import { createDecoder, createEncoder } from './autoencoder.ts';
import { createClip } from './clip.ts';
import { floats, type PictureComponent, type PictureRecipe, SIDE, states } from './recipe.ts';
import { createT5 } from './t5.ts';
import { createUnet } from './unet.ts';

/** Scheduler of the models that follow a flow. */
export const FLOW = { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1_000, shift: 3 };
const STATES_SD3 = 40;

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

function renameValues(network: OnnxNetwork, names: Readonly<Record<string, string>>): OnnxNetwork {
  const rename = (name: string): string => names[name] ?? name;
  return {
    ...network,
    inputs: network.inputs.map((value) => ({ ...value, name: rename(value.name) })),
    outputs: network.outputs.map((value) => ({ ...value, name: rename(value.name) })),
    nodes: network.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), output: rename(node.output) })),
  };
}

export const stableDiffusion3: PictureRecipe = {
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
};

export const withoutT5: PictureRecipe = {
  index: { _class_name: 'StableDiffusion3Pipeline', text_encoder_3: [null, null], tokenizer_3: [null, null] },
  scheduler: FLOW,
  tokenizers: { tokenizer: 'clip', tokenizer_2: 'clip' },
  components: {
    text_encoder: createClip(12, 'text_embeds'),
    text_encoder_2: createClip(20, 'text_embeds'),
    transformer: createSd3(),
    vae_decoder: createDecoder(4),
  },
};

import type { PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import { type PictureFamily, PLAIN, type TextEncoderPlan, type ValueTensor } from './family.ts';
import { countUnetStep } from './stable-diffusion.ts';
import { beforeLastLayer, joinStates } from './states.ts';

const clip: Omit<TextEncoderPlan, 'encoder' | 'tokenizer' | 'pooled'> = {
  masksPadding: false,
  hidden: beforeLastLayer,
};

/**
 * Describes the size of a picture as the network reads it: a picture of this size in training, whole, for this size.
 * @returns f32[1, 6]: height and width before cropping, two corners of the crop, height and width.
 */
export const describeSize = ({ width, height }: PictureSize): ValueTensor => ({
  ...{ type: 'float32', dims: [1, 6] },
  data: Float32Array.of(height, width, 0, 0, height, width),
});

/** Stable Diffusion XL: two encoders of CLIP, and a UNet that also reads a vector of the prompt and the size of the picture. */
export const stableDiffusionXl: PictureFamily = {
  pipeline: 'StableDiffusionXLPipeline',
  denoiser: 'unet',
  texts: [
    // Only the second encoder gives a vector of the whole prompt.
    { ...clip, encoder: 'text_encoder', tokenizer: 'tokenizer', pooled: [] },
    { ...clip, encoder: 'text_encoder_2', tokenizer: 'tokenizer_2', pooled: ['text_embeds'] },
  ],
  ...PLAIN,
  join: joinStates,
  zeroesEmpty: true,
  scheduler: 'diffusion',
  inputs: ['sample', 'timestep', 'encoder_hidden_states', 'text_embeds', 'time_ids'],
  output: 'out_sample',
  latentStep: countUnetStep,
  steps: 50,
  guidance: 5,
  feed: ({ latent, timestep, text, size }) => ({
    ...{ sample: latent, timestep, encoder_hidden_states: text.hidden, time_ids: describeSize(size) },
    ...(text.pooled && { text_embeds: text.pooled }),
  }),
};

import type { PictureFamily } from './family.ts';

/** Stable Diffusion 1 and 2, and models of their form: a UNet and one text encoder. */
export const stableDiffusion: PictureFamily = {
  pipeline: 'StableDiffusionPipeline',
  denoiser: 'unet',
  components: ['text_encoder', 'tokenizer', 'vae_decoder'],
  scheduler: 'diffusion',
  inputs: ['sample', 'timestep', 'encoder_hidden_states'],
  output: 'out_sample',
  pooled: [],
  // Each level of the UNet but the last halves the sides.
  latentStep: ({ block_out_channels: levels }) => (Array.isArray(levels) ? 2 ** (levels.length - 1) : 8),
  steps: 50,
  guidance: 7.5,
  feed: ({ latent, timestep, text }) => ({ sample: latent, timestep, encoder_hidden_states: text.hidden }),
};

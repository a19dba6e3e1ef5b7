import { type PictureFamily, PLAIN } from './family.ts';
import { ONE_ENCODER, takeFirst } from './states.ts';

/** Counts the latent values by which the sides of a UNet's picture grow: each level but the last halves the sides. */
export const countUnetStep = ({ block_out_channels: levels }: Readonly<Record<string, unknown>>): number =>
  Array.isArray(levels) ? 2 ** (levels.length - 1) : 8;

/** Stable Diffusion 1 and 2, and models of their form: a UNet and one text encoder. */
export const stableDiffusion: PictureFamily = {
  pipeline: 'StableDiffusionPipeline',
  denoiser: 'unet',
  texts: [ONE_ENCODER],
  ...PLAIN,
  join: takeFirst,
  zeroesEmpty: false,
  scheduler: 'diffusion',
  inputs: ['sample', 'timestep', 'encoder_hidden_states'],
  output: 'out_sample',
  latentStep: countUnetStep,
  steps: 50,
  guidance: 7.5,
  feed: ({ latent, timestep, text }) => ({ sample: latent, timestep, encoder_hidden_states: text.hidden }),
};

import type { PictureFamily } from './family.ts';
import { ONE_ENCODER, takeFirst } from './states.ts';

/** Models of the form of Stable Diffusion 3 with one text encoder: a transformer that predicts the velocity of a flow. */
export const stableDiffusion3: PictureFamily = {
  pipeline: 'StableDiffusion3Pipeline',
  denoiser: 'transformer',
  texts: [{ ...ONE_ENCODER, pooled: ['text_embeds', 'pooler_output'] }],
  join: takeFirst,
  zeroesEmpty: false,
  scheduler: 'flow',
  inputs: ['hidden_states', 'encoder_hidden_states', 'timestep'],
  output: 'out_hidden_states',
  latentStep: ({ patch_size: patch }) => (typeof patch === 'number' ? patch : 2),
  steps: 28,
  guidance: 7,
  feed: ({ latent, timestep, text }) => ({
    ...{ hidden_states: latent, timestep, encoder_hidden_states: text.hidden },
    ...(text.pooled && { pooled_projections: text.pooled }),
  }),
};

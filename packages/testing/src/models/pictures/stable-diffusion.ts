import { createDecoder, createEncoder } from './autoencoder.ts';
import { createClip } from './clip.ts';
import { type PictureRecipe, states } from './recipe.ts';
import { createUnet, DIFFUSION } from './unet.ts';

export const stableDiffusion: PictureRecipe = {
  index: { _class_name: 'StableDiffusionPipeline' },
  scheduler: DIFFUSION,
  tokenizers: { tokenizer: 'clip' },
  components: {
    text_encoder: createClip(12, 'pooler_output'),
    unet: createUnet(4, [states(12)], {}),
    vae_decoder: createDecoder(4),
    vae_encoder: createEncoder(4),
  },
};

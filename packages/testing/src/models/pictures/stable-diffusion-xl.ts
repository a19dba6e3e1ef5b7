import { createDecoder, createEncoder } from './autoencoder.ts';
import { createClip } from './clip.ts';
import { floats, type PictureRecipe, states } from './recipe.ts';
import { createUnet, DIFFUSION } from './unet.ts';

export const stableDiffusionXl: PictureRecipe = {
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
};

import type { PictureFamily, TextStates, ValueTensor } from './family.ts';

/** Places of a latent that one token of the transformer holds, along a side. */
const SIDE = 2;
const PLACES = SIDE * SIDE;

interface LatentForm {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

const formOf = ({ dims: [, channels = 0, rows = 0, columns = 0] }: ValueTensor): LatentForm => ({
  ...{ channels, rows, columns },
});

/** Lists for each value of the packed latent, in its order, the index of that value in f32[channels, rows, columns]. */
function* listPlaces({ channels, rows, columns }: LatentForm): Generator<number> {
  for (let row = 0; row < rows; row += SIDE)
    for (let column = 0; column < columns; column += SIDE)
      for (let channel = 0; channel < channels; channel++)
        for (let place = 0; place < PLACES; place++)
          yield (channel * rows + row + Math.floor(place / SIDE)) * columns + column + (place % SIDE);
}

/** Packs squares of 2x2 places into tokens. @returns f32[1, rows / 2 * columns / 2, channels * 4]. */
export function packLatent(latent: ValueTensor): ValueTensor {
  const form = formOf(latent);
  const data = Float32Array.from(listPlaces(form), (at) => latent.data[at] as number);
  return { type: 'float32', data, dims: [1, (form.rows * form.columns) / PLACES, form.channels * PLACES] };
}

/** Returns the values of tokens in the form of a latent. */
export function unpackLatent(tokens: Float32Array, latent: ValueTensor): Float32Array {
  const values = new Float32Array(tokens.length);
  let from = 0;
  for (const at of listPlaces(formOf(latent))) values[at] = tokens[from++] as number;
  return values;
}

/** Numbers the tokens of a picture. @returns f32[tokens, 3]: 0, row and column. */
export function numberTokens(latent: ValueTensor): ValueTensor {
  const { rows, columns } = formOf(latent);
  const [high, wide] = [rows / SIDE, columns / SIDE];
  const numbers = Array.from({ length: high * wide }, (_, i) => [0, Math.floor(i / wide), i % wide]);
  return { type: 'float32', data: Float32Array.from(numbers.flat()), dims: [high * wide, 3] };
}

/** Flux: the vector of CLIP and the states of T5 for a transformer that reads packed latents and the guidance itself. */
export const flux: PictureFamily = {
  pipeline: 'FluxPipeline',
  denoiser: 'transformer',
  texts: [
    {
      ...{ encoder: 'text_encoder', tokenizer: 'tokenizer', masksPadding: false, pooled: ['pooler_output'] },
      hidden: () => 'last_hidden_state',
    },
    {
      ...{ encoder: 'text_encoder_2', tokenizer: 'tokenizer_2', masksPadding: false, pooled: [] },
      hidden: () => 'last_hidden_state',
    },
  ],
  join: ([clip, t5]) => ({ hidden: (t5 as TextStates).hidden, pooled: clip?.pooled }),
  zeroesEmpty: false,
  scheduler: 'even flow',
  inputs: ['hidden_states', 'encoder_hidden_states', 'pooled_projections', 'timestep', 'img_ids', 'txt_ids'],
  output: 'out_hidden_states',
  packing: PLACES,
  usualSide: 128,
  latentStep: () => SIDE,
  steps: 28,
  guidance: 3.5,
  readsGuidance: true,
  timeScale: 1e-3,
  feed: ({ latent, timestep, text, guidance }) => {
    const [, tokens = 0] = text.hidden.dims;
    return {
      ...{ hidden_states: packLatent(latent), timestep, encoder_hidden_states: text.hidden },
      ...(text.pooled && { pooled_projections: text.pooled }),
      img_ids: numberTokens(latent),
      txt_ids: { type: 'float32', data: new Float32Array(tokens * 3), dims: [tokens, 3] },
      // Models that were distilled further have no such input.
      guidance: { type: 'float32', data: Float32Array.of(guidance), dims: [1] },
    };
  },
  unpack: unpackLatent,
};

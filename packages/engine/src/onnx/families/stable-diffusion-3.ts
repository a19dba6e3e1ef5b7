import { type PictureFamily, PLAIN, type TextEncoderPlan, type TextStates, type ValueTensor } from './family.ts';
import { beforeLastLayer, joinRows, joinStates, ONE_ENCODER, padWidth, takeFirst } from './states.ts';

type Config = Readonly<Record<string, unknown>>;

/** A transformer that predicts the velocity of a flow. */
const transformer = {
  ...PLAIN,
  pipeline: 'StableDiffusion3Pipeline',
  denoiser: 'transformer',
  zeroesEmpty: false,
  scheduler: 'flow',
  output: 'out_hidden_states',
  latentStep: ({ patch_size: patch }: Config) => (typeof patch === 'number' ? patch : 2),
  steps: 28,
  guidance: 7,
  feed: ({ latent, timestep, text }) => ({
    ...{ hidden_states: latent, timestep, encoder_hidden_states: text.hidden },
    ...(text.pooled && { pooled_projections: text.pooled }),
  }),
} as const satisfies Partial<PictureFamily>;

/** Models of the form of Stable Diffusion 3 with one text encoder. */
export const oneEncoder: PictureFamily = {
  ...transformer,
  texts: [{ ...ONE_ENCODER, pooled: ['text_embeds', 'pooler_output'] }],
  join: takeFirst,
  inputs: ['hidden_states', 'encoder_hidden_states', 'timestep'],
};

const clip: Omit<TextEncoderPlan, 'encoder' | 'tokenizer'> = {
  ...{ masksPadding: false, hidden: beforeLastLayer, pooled: ['text_embeds'] },
};
const CLIPS: readonly TextEncoderPlan[] = [
  { ...clip, encoder: 'text_encoder', tokenizer: 'tokenizer' },
  { ...clip, encoder: 'text_encoder_2', tokenizer: 'tokenizer_2' },
];
const T5: TextEncoderPlan = {
  ...{ encoder: 'text_encoder_3', tokenizer: 'tokenizer_3', mostTokens: 256, masksPadding: false, pooled: [] },
  hidden: () => 'last_hidden_state',
};

const INPUTS = ['hidden_states', 'encoder_hidden_states', 'pooled_projections', 'timestep'];

/** Width of the states that the transformer reads. */
const widthOf = ({ joint_attention_dim: width }: Config): number => (typeof width === 'number' ? width : 4_096);

/** Joins both encoders of CLIP, widens their states with zeros, and puts the states of T5 after them. */
export function joinClips(clips: readonly TextStates[], t5: ValueTensor): TextStates {
  const { hidden, pooled } = joinStates(clips);
  return { hidden: joinRows([padWidth(hidden, t5.dims.at(-1) ?? 0), t5]), pooled };
}

/** Stable Diffusion 3: two encoders of CLIP, and T5. */
export const threeEncoders: PictureFamily = {
  ...transformer,
  texts: [...CLIPS, T5],
  join: (states) => joinClips(states.slice(0, 2), (states[2] as TextStates).hidden),
  inputs: INPUTS,
};

/** Stable Diffusion 3 without T5, whose states are zeros: as many as one encoder of CLIP has. */
export const twoEncoders: PictureFamily = {
  ...transformer,
  texts: CLIPS,
  join: (states, config) => {
    const [, tokens = 0] = states[0]?.hidden.dims ?? [];
    const width = widthOf(config);
    return joinClips(states, { type: 'float32', data: new Float32Array(tokens * width), dims: [1, tokens, width] });
  },
  inputs: INPUTS,
};

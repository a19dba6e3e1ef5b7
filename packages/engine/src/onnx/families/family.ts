import type { PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import type { OnnxTensor } from '../runtime/sessions.ts';

type Config = Readonly<Record<string, unknown>>;

/** A tensor of f32. */
export type ValueTensor = Omit<OnnxTensor, 'data'> & { readonly data: Float32Array };

/** States of a prompt that a denoising network reads. */
export interface TextStates {
  /** f32[1, tokens, width]. */
  readonly hidden: ValueTensor;
  /** f32[1, width], one vector of the whole prompt; undefined if the encoder computes none. */
  readonly pooled: ValueTensor | undefined;
}

/** A network that encodes prompts, with the tokenizer that feeds it. */
export interface TextEncoderPlan {
  readonly encoder: string;
  readonly tokenizer: string;
  /** Tokens of a prompt at most, if the pipeline allows fewer than tokenizer and encoder. */
  readonly mostTokens?: number;
  /** True if the encoder is told which tokens are padding. */
  readonly masksPadding: boolean;
  /** Output with a state for each token. @param config of the encoder. */
  readonly hidden: (config: Config) => string;
  /** Outputs with one vector of the whole prompt, in the order of preference. */
  readonly pooled: readonly string[];
}

export interface DenoiserInputs {
  /** f32[1, channels, height, width]. */
  readonly latent: ValueTensor;
  /** The network's own number type. */
  readonly timestep: OnnxTensor;
  readonly text: TextStates;
  /** Pixels of the picture. */
  readonly size: PictureSize;
  readonly guidance: number;
}

/** One kind of pipeline: its components and the names of their tensors, after the exports of optimum. */
export interface PictureFamily {
  /** Class of the pipeline in `model_index.json`. */
  readonly pipeline: string;
  /** Component that predicts the noise or the velocity. */
  readonly denoiser: 'unet' | 'transformer';
  /** Encoders of the prompt in the order of the pipeline. */
  readonly texts: readonly TextEncoderPlan[];
  /** Joins the states of all encoders. @param config of the denoiser. */
  readonly join: (states: readonly TextStates[], config: Config) => TextStates;
  /** True if an empty negative prompt has zeros for states, unless `model_index.json` states otherwise. */
  readonly zeroesEmpty: boolean;
  /** Kinds of schedules that fit. Flows fall evenly if the pipeline in diffusers gives the scheduler times of its own. */
  readonly scheduler: 'diffusion' | 'flow' | 'even flow';
  readonly output: string;
  /** Inputs that the denoiser must have. */
  readonly inputs: readonly string[];
  /** Channels of the denoiser for each channel of a latent. */
  readonly packing: number;
  /** Latent values along a side of the model's own pictures; undefined if the denoiser's configuration states them. */
  readonly usualSide?: number;
  /** Latent values by which the sides of a picture are counted. @param config of the denoiser. */
  readonly latentStep: (config: Config) => number;
  /** Defaults of the pipeline in diffusers. */
  readonly steps: number;
  readonly guidance: number;
  /** True if the denoiser itself reads the guidance, so no negative prompt is compared. */
  readonly readsGuidance: boolean;
  /** Factor of the schedule's times. */
  readonly timeScale: number;
  readonly feed: (inputs: DenoiserInputs) => Readonly<Record<string, OnnxTensor>>;
  /** Returns the output in the form of the latent. Default: it has this form. */
  readonly unpack?: (output: Float32Array, latent: ValueTensor) => Float32Array;
}

/** Fields of a family whose denoiser reads a latent as it is, and is guided from outside. */
export const PLAIN = { packing: 1, readsGuidance: false, timeScale: 1 } as const;

/** Components beside scheduler and denoiser that a family needs. An encoder of pictures may stand beside them. */
export const listNeeded = ({ denoiser, texts }: PictureFamily): readonly string[] => [
  ...['scheduler', denoiser],
  ...texts.flatMap(({ encoder, tokenizer }) => [encoder, tokenizer]),
  'vae_decoder',
];

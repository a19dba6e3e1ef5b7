import type { OnnxTensor } from '../runtime/sessions.ts';

/** States of a prompt that a denoising network reads. */
export interface TextStates {
  /** f32[1, tokens, width]. */
  readonly hidden: OnnxTensor;
  /** f32[1, width], one vector of the whole prompt; undefined if the encoder computes none. */
  readonly pooled: OnnxTensor | undefined;
}

export interface DenoiserInputs {
  /** f32[1, channels, height, width]. */
  readonly latent: OnnxTensor;
  /** The network's own number type. */
  readonly timestep: OnnxTensor;
  readonly text: TextStates;
}

/** One kind of pipeline: its components and the names of their tensors, after the exports of optimum. */
export interface PictureFamily {
  /** Class of the pipeline in `model_index.json`. */
  readonly pipeline: string;
  /** Component that predicts the noise or the velocity. */
  readonly denoiser: 'unet' | 'transformer';
  /** Components beside scheduler and denoiser that the family needs. An encoder of pictures may stand beside them. */
  readonly components: readonly string[];
  /** Kinds of schedules that fit. */
  readonly scheduler: 'diffusion' | 'flow';
  readonly output: string;
  /** Inputs that the denoiser must have. */
  readonly inputs: readonly string[];
  /** Values of the text encoder, in the order of preference. */
  readonly pooled: readonly string[];
  /** Latent values by which the sides of a picture are counted. */
  readonly latentStep: (config: Readonly<Record<string, unknown>>) => number;
  /** Defaults of the pipeline in diffusers. */
  readonly steps: number;
  readonly guidance: number;
  readonly feed: (inputs: DenoiserInputs) => Readonly<Record<string, OnnxTensor>>;
}

import type { PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import type { EncodedLatent, StepOutput, TrajectoryInfo, TrajectoryRequest } from '../../interface/trajectory.ts';

/** One pass of the model, without the schedule: the parent of a model plans the steps and moves the latent. */
export interface DenoiseRequest extends PictureSize, Pick<TrajectoryRequest, 'prompt' | 'negativePrompt' | 'guidance'> {
  /** True: the output is both answers, that of the prompt and then that of the negative prompt. Default: it is the guided one. */
  readonly both?: boolean;
  /** Time that the model reads. */
  readonly timestep: number;
  /** f32[channels, height, width], the latent times the step's `inputScale`. */
  readonly input: Float32Array;
  /** The class to compute in. Default: the engine's own. */
  readonly numericClass?: string;
}

export interface DecodeRequest extends PictureSize {
  readonly latent: Float32Array;
  /** The class to compute in. Default: the engine's own. */
  readonly numericClass?: string;
}

export interface EncodeRequest extends PictureSize {
  /** RGB8, row by row. */
  readonly pixels: Uint8Array;
  /** The class to compute in. Default: the engine's own. */
  readonly numericClass?: string;
}

/** The calls of a loaded model that `createTrajectoryEngine` makes an engine of. */
export interface TrajectoryCalls {
  info(): TrajectoryInfo;
  denoise(request: DenoiseRequest, signal?: AbortSignal): Promise<StepOutput>;
  decode(request: DecodeRequest, signal?: AbortSignal): Promise<Uint8Array>;
  encode(request: EncodeRequest, signal?: AbortSignal): Promise<EncodedLatent>;
  tokenize(prompt: string): Promise<Uint32Array>;
  close(): Promise<void>;
}

import type { GuidancePlan } from '@ogong/protocol/modality/trajectory/guidance-plan';
import type { PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import type { SamplerName, SchedulerConfig } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';
import type { LatentSource } from '@ogong/protocol/modality/trajectory/schedule/source';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';

/** Properties of a model that makes pictures from noise, loaded in one engine. */
export interface TrajectoryInfo {
  /** Root of the model's folder (docs/spec/model-folder.md), 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** SHA-256 over the model's tokenizers under a domain tag (docs/spec/model-folder.md), 32 bytes. */
  readonly vocabularyHash: Uint8Array;
  readonly numericClass: string;
  /** True if any engine of the same class computes the same bits. */
  readonly exact: boolean;
  readonly weightType: string;
  /** The most units of a picture (boundModelUnits). A longer prompt than the model reads is cut, as the pipelines of diffusers do. */
  readonly contextSize: number;
  /** Steps that are computed at the same time. */
  readonly sequences: number;
  readonly scheduler: SchedulerConfig;
  readonly latentChannels: number;
  /** Pixels per latent value along one side. */
  readonly latentScale: number;
  /** The size that the model was trained for. */
  readonly size: PictureSize;
  /** True if the model computes its own size alone. */
  readonly hasFixedSize: boolean;
  /** Width and height are multiples of this number of pixels. */
  readonly sizeStep: number;
  readonly mostPixels: number;
  /** Default of a request. */
  readonly steps: number;
  /** Default of a request. */
  readonly guidance: number;
  /** True if the model has an encoder for pictures. */
  readonly canEdit: boolean;
  /** False if the model reads the guidance as an input. Then the output is v = p, and a negative prompt changes nothing. */
  readonly hasNegative: boolean;
  /** Set for a server that shows no steps: its engine has `makeWhole`, and refuses every call about steps. Default: steps are shown. */
  readonly capabilities?: HiddenStepsInfo;
}

/** Abilities of a server that shows no steps. */
export interface HiddenStepsInfo {
  /** Nothing of its replies can be replayed. */
  readonly draws: false;
  /** True if a request may choose the number of steps. */
  readonly takesSteps: boolean;
  readonly takesGuidance: boolean;
}

/** A request to a server that shows no steps. */
export interface WholePictureRequest extends PictureSize {
  readonly prompt: string;
  /** Empty without one. */
  readonly negativePrompt: string;
  /** Default: the server's own number. */
  readonly steps: number | undefined;
  /** Default: the server's own. */
  readonly guidance: number | undefined;
  /** 0..2^31 - 1. */
  readonly seed: number;
}

/** A picture of a server that shows no steps. */
export interface WholePicture {
  /** RGB8, row-major, height * width * 3 bytes, in the size of the request. */
  readonly pixels: Uint8Array;
  /** The exchange with the server, if the link to it can be shown to others. */
  readonly exchange: ShownExchange | undefined;
}

export interface TrajectoryRequest extends PictureSize {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Factor g of the output: v = n + g (p - n), with p for the prompt and n for the negative one. With 1 or less, v = p. See `hasNegative`. */
  readonly guidance: number;
  /** Steps that are guided, and momentum. Refused for a model without `hasNegative`. Default: all steps are guided, without momentum. */
  readonly guidancePlan?: GuidancePlan | undefined;
  readonly steps: number;
  readonly sampler: SamplerName;
  /** Steps of the schedule that are left out at its beginning. Steps are counted from the first one that runs. Default: 0. */
  readonly leftOut?: number;
  /** The step of the schedule before which the engine stops. Default: all steps run. */
  readonly lastStep?: number;
}

/** A latent of a trajectory, f32[channels, height, width] row-major, and the model's output for it. */
export interface TrajectoryStep {
  /** Index of the latent, from 0. */
  readonly step: number;
  readonly latent: Float32Array;
  /**
   * After guidance, of the latent's form. A step with momentum has both answers in its place: that of the prompt, then that of the negative
   * prompt. The final latent has none.
   */
  readonly output?: Float32Array;
}

export interface StepOutput {
  /** The model's output after guidance, or both answers of a step with momentum. */
  readonly output: Float32Array;
  readonly numericClass: string;
  /** True if the output is bit-exact for the claimed class, or for the own one if none was claimed. */
  readonly exact: boolean;
  readonly elapsedMs: number;
}

export interface EncodedLatent {
  /** f32[channels, height, width] of the latent. */
  readonly latent: Float32Array;
  readonly numericClass: string;
  /** True if the latent is bit-exact for the claimed class, or for the own one if none was claimed. */
  readonly exact: boolean;
}

/**
 * One loaded model that makes pictures from noise, step by step. Every implementation passes `describeTrajectoryEngine` of
 * @ogong/testing.
 */
export interface TrajectoryEngine {
  readonly specificationVersion: 'trajectory-v1';
  info(): TrajectoryInfo;
  /**
   * Yields every latent with the model's output; the last one is the final latent without an output.
   * @param options.noise f32[channels * height * width], before it is scaled; not mutated.
   * @param options.source the encoded picture to change; not mutated. Default: the picture comes from the noise alone.
   * @param options.latent the latent of the first step that runs; not mutated. Default: it follows from noise and source.
   * @throws EngineError: 'invalid-request' for a size, a sampler or a number of steps that the model cannot run.
   */
  generate(
    request: TrajectoryRequest,
    options: {
      readonly noise: Float32Array;
      readonly source?: LatentSource | undefined;
      readonly latent?: Float32Array | undefined;
      readonly signal?: AbortSignal;
    },
  ): AsyncIterable<TrajectoryStep>;
  /**
   * Computes the model's output of one step again.
   * @param options.numericClass the claim's class. The engine reproduces it if it can, and says so in the result.
   */
  runStep(
    request: TrajectoryRequest,
    at: { readonly step: number; readonly latent: Float32Array },
    options?: { readonly signal?: AbortSignal; readonly numericClass?: string },
  ): Promise<StepOutput>;
  /**
   * Decodes a final latent to RGB8, row-major, height * width * 3 bytes.
   * @param options.numericClass the claim's class. The pixels are computed in it if `runStep` is exact for it.
   */
  decode(
    latent: Float32Array,
    size: PictureSize,
    options?: { readonly signal?: AbortSignal; readonly numericClass?: string },
  ): Promise<Uint8Array>;
  /**
   * Encodes a picture to change.
   * @param pixels RGB8, row-major, height * width * 3 bytes; not mutated.
   * @param options.numericClass the claim's class. The engine reproduces it if it can, and says so in the result.
   * @throws EngineError 'invalid-request' for a model without an encoder (`canEdit`).
   */
  encode(
    pixels: Uint8Array,
    size: PictureSize,
    options?: { readonly signal?: AbortSignal; readonly numericClass?: string },
  ): Promise<EncodedLatent>;
  /** Returns the ids of the prompt's tokens, special ones included, cut but not padded. */
  tokenize(prompt: string): Promise<Uint32Array>;
  /**
   * Makes a picture on a server that shows no steps. Default: the engine shows its steps.
   * @throws EngineError
   */
  makeWhole?(request: WholePictureRequest, options?: { readonly signal?: AbortSignal }): Promise<WholePicture>;
  close(): Promise<void>;
}

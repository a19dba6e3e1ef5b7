import type { FolderConfigs } from '@ogong/models/model-folder';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { countPlaces } from '@ogong/protocol/modality/trajectory/header';
import type { PictureSize } from '@ogong/protocol/modality/trajectory/picture-size';
import {
  planSchedule,
  readSchedulerConfig,
  type SchedulerConfig,
} from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';
import { EngineError } from '../interface/engine-error.ts';
import { findFamily } from './families/registry.ts';
import { explainRefusal, findWeightType } from './graph-check.ts';

/** Facts of a model of pictures that its configuration files state. */
export interface PictureFacts {
  readonly scheduler: SchedulerConfig;
  readonly weightType: string;
  /** Tokens of a prompt at most, for each encoder of the family. */
  readonly contextSizes: readonly number[];
  /** True if an empty negative prompt has zeros for states. */
  readonly zeroesEmpty: boolean;
  readonly latentChannels: number;
  readonly latentScale: number;
  readonly sizeStep: number;
  readonly size: PictureSize;
  /** The decoder reads latent / scalingFactor + shiftFactor. */
  readonly scalingFactor: number;
  readonly shiftFactor: number;
  /** Bytes of all networks. */
  readonly sizeBytes: number;
}

const MOST_SIDE = 1 << 14;
const MOST_CONTEXT = 512;
/** Default of diffusers, for models of the first years whose files do not state it. */
const USUAL_SCALING = 0.18215;

/**
 * Reads the facts of a folder. One whose networks were not read yet has the facts of its configurations.
 * @throws EngineError('unsupported-model') with the component and the field.
 */
export function readPictureFacts(folder: FolderConfigs): PictureFacts {
  const family = findFamily(folder);
  const refuse = (problem: string): never => {
    throw new EngineError('unsupported-model', `${folder.path}: ${problem}`);
  };
  for (const { name, onnx } of folder.components.values()) {
    const refusal = onnx && explainRefusal(onnx);
    if (refusal !== undefined) refuse(`${name}/model.onnx is refused: ${refusal}`);
  }
  const configOf = (name: string) => folder.components.get(name)?.config ?? {};
  const readNumber = (component: string, field: string, usual?: number): number => {
    const value = configOf(component)[field] ?? usual;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return refuse(`${component}: "${field}" is ${JSON.stringify(value)}, not a number`);
  };
  const readCount = (component: string, field: string, most: number, usual?: number): number => {
    const value = readNumber(component, field, usual);
    return Number.isInteger(value) && value >= 1 && value <= most
      ? value
      : refuse(`${component}: "${field}" is ${value}; possible are 1 to ${most}`);
  };
  const check = <T>(read: () => T): T => {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      return refuse(cause.message);
    }
  };

  const { denoiser } = family;
  const scheduler = check(() => readSchedulerConfig(configOf('scheduler'), family.scheduler === 'even flow'));
  const isDiffusion = scheduler.kind === 'diffusion';
  if (isDiffusion !== (family.scheduler === 'diffusion'))
    refuse(`a ${folder.pipeline} needs a scheduler of the kind "${family.scheduler}", not "${scheduler.kind}"`);
  const latentChannels = readCount(denoiser, 'in_channels', 1_024) / family.packing;
  const decoded = readCount('vae_decoder', 'latent_channels', 256);
  if (decoded !== latentChannels)
    refuse(`${denoiser} reads ${latentChannels} channels and vae_decoder ${decoded}; such models are not supported`);
  const { block_out_channels: levels } = configOf('vae_decoder');
  if (!Array.isArray(levels) || levels.length < 1 || levels.length > 8)
    return refuse('vae_decoder: "block_out_channels" is no list of 1 to 8 numbers');
  const latentScale = 2 ** (levels.length - 1);
  const side = readCount(denoiser, 'sample_size', MOST_SIDE / latentScale, family.usualSide) * latentScale;
  const size: PictureSize = { width: side, height: side };
  // The schedule of such a model depends on the size of the picture. Its own size has one.
  if (scheduler.kind === 'sized-flow')
    check(() => planSchedule(scheduler, 1, scheduler.sampler, { places: countPlaces(size, { latentScale }) }));
  const sizeStep = latentScale * family.latentStep(configOf(denoiser));
  const contextSizes = family.texts.map(({ encoder, tokenizer, mostTokens = MOST_CONTEXT }) => {
    // Some tokenizers state 10^30.
    const tokens = Math.min(readNumber(tokenizer, 'model_max_length', MOST_CONTEXT), mostTokens);
    return Math.max(2, Math.min(tokens, readCount(encoder, 'max_position_embeddings', 1 << 20, MOST_CONTEXT)));
  });
  const scalingFactor = readNumber('vae_decoder', 'scaling_factor', USUAL_SCALING);
  if (scalingFactor === 0) refuse('vae_decoder: "scaling_factor" is 0');
  const onnx = folder.components.get(denoiser)?.onnx;
  return {
    scheduler,
    weightType: onnx ? findWeightType(onnx) : 'f32',
    contextSizes,
    zeroesEmpty: family.zeroesEmpty && folder.index.force_zeros_for_empty_prompt !== false,
    ...{ latentChannels, latentScale, sizeStep, size },
    ...{ scalingFactor, shiftFactor: readNumber('vae_decoder', 'shift_factor', 0) },
    sizeBytes: [...folder.components.values()].reduce((sum, component) => sum + component.sizeBytes, 0),
  };
}

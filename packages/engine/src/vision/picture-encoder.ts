import { fileURLToPath } from 'node:url';
import { type EncoderFolder, inspectEncoderFolder } from '@ogong/models/encoder-folder';
import { EngineError } from '../interface/engine-error.ts';
import type { PictureEncoder, RgbPicture } from '../interface/vision.ts';
import { countWidenedBytes, explainRefusal, findWeightType } from '../onnx/graph-check.ts';
import { type OnnxFolderOptions, type OnnxNetworkSize, planOnnxFolder, toEngineError } from '../onnx/plan-folder.ts';
import { ONNX_ENVIRONMENT } from '../onnx/runtime/sessions.ts';
import { MOST_PICTURE_PIXELS } from '../pixels/picture-header.ts';
import { MAX_SIDE } from '../pixels/resize.ts';
import { createSupervisor, type SupervisorEvent } from '../process/supervisor.ts';
import type { EncoderContract } from './encoder-load.ts';
import type { PictureReader } from './families/family.ts';
import { openPictureReader } from './families/registry.ts';

export type PictureEncoderOptions = OnnxFolderOptions;

export interface SupervisedEncoder extends PictureEncoder {
  /** The child's process id, while it lives. */
  pid(): number | undefined;
}

/** An encoder's folder, read and found to be one that this engine runs. */
export interface InspectedEncoder extends OnnxNetworkSize {
  readonly folder: EncoderFolder;
  readonly reader: PictureReader;
}

/** A first look at an encoder's folder. @throws EngineError if it is none, or none that this engine runs. */
export function inspectEncoder(path: string): InspectedEncoder {
  const folder = readFolder(path);
  const reader = openPictureReader(folder);
  const refusal = explainRefusal(folder.onnx);
  if (refusal !== undefined)
    throw new EngineError('unsupported-model', `${folder.path}: the encoder is refused: ${refusal}`);
  return {
    ...{ folder, reader, weightType: findWeightType(folder.onnx), sizeBytes: folder.sizeBytes },
    widenedBytes: countWidenedBytes(folder.onnx),
  };
}

/**
 * Loads an encoder of pictures into a supervised child process. A runtime that is missing is fetched.
 * @param path a folder with `config.json`, `preprocessor_config.json` and `onnx/vision_encoder.onnx`.
 * @throws EngineError: 'model-not-found', 'model-corrupt' (wrong hash, broken file, a link), 'not-enough-memory', 'unsupported-model',
 *   'invalid-request' (an option out of range).
 */
export async function openPictureEncoder(
  path: string,
  options: PictureEncoderOptions = {},
  hooks: { readonly onEvent?: (event: SupervisorEvent) => void } = {},
): Promise<SupervisedEncoder> {
  const encoder = inspectEncoder(path);
  const { load } = await planOnnxFolder(encoder.folder, encoder, options);
  const supervisor = await createSupervisor<EncoderContract>({
    load,
    onEvent: hooks.onEvent,
    environment: ONNX_ENVIRONMENT,
    child: { path: fileURLToPath(new URL('./encoder-child.ts', import.meta.url)) },
  });
  return {
    info: () => supervisor.info(),
    measure: (size) => encoder.reader.prepare({ ...size, rgb: NO_PIXELS }).pieces,
    async encode(picture, { signal } = {}) {
      assertPicture(picture);
      const { width, height, rgb } = picture;
      return supervisor.call({ kind: 'encode', picture: { width, height, rgb } }, signal);
    },
    close: () => supervisor.close(),
    pid: () => supervisor.pid(),
  };
}

/** A reader computes its runs one by one, so pieces need no pixels. */
const NO_PIXELS = new Uint8Array();

function assertPicture({ width, height, rgb }: RgbPicture): void {
  const isSize = [width, height].every((side) => Number.isInteger(side) && side >= 1 && side <= MAX_SIDE);
  if (!isSize || width * height > MOST_PICTURE_PIXELS || rgb.length !== width * height * 3)
    throw new EngineError('invalid-request', `${rgb.length} bytes are no picture of ${width}x${height} pixels`);
}

function readFolder(path: string): EncoderFolder {
  try {
    return inspectEncoderFolder(path);
  } catch (cause) {
    throw toEngineError(cause);
  }
}

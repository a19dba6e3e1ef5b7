import { ModelError } from '@ogong/models/model-error';
import type { FolderConfigs } from '@ogong/models/model-folder';
import { openProjector } from '@ogong/models/projector/projector-folder';
import { bringModel, type ResolvedModel, type ResolveOptions } from '@ogong/models/resolve';
import { EngineError } from './interface/engine-error.ts';
import { llamaQuantizer } from './llama-cpp/llama-quantizer.ts';
import { readPictureFacts } from './onnx/picture-facts.ts';

/** Refuses a folder whose networks no engine runs. @throws ModelError */
function inspectConfigs(folder: FolderConfigs): void {
  try {
    readPictureFacts(folder);
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new ModelError('corrupt', cause.message, { cause });
  }
}

/**
 * Brings a model that an engine runs onto this machine, converted by llama.cpp if that is needed.
 * @throws ModelError
 */
export const resolveModel = (
  reference: string,
  options: Omit<ResolveOptions, 'quantizer' | 'inspectConfigs' | 'openProjector'>,
): Promise<ResolvedModel> =>
  bringModel(reference, { ...options, quantizer: llamaQuantizer, inspectConfigs, openProjector });

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ModelError } from '@ogong/models/model-error';
import type { FolderConfigs } from '@ogong/models/model-folder';
import { bringModel, type Quantizer, type ResolvedModel, type ResolveOptions } from '@ogong/models/resolve';
import { EngineError } from '../interface/engine-error.ts';
import { readPictureFacts } from '../onnx/picture-facts.ts';
import { quantNames } from './quantize.ts';

/** llama.cpp's own conversion between types of weights, each in a process of its own. */
export const llamaQuantizer: Quantizer = {
  quants: quantNames(),
  async quantize(source, target, quant) {
    const script = fileURLToPath(new URL('./quantize-child.ts', import.meta.url));
    const flags = ['--disable-warning=ExperimentalWarning'];
    try {
      await promisify(execFile)(process.execPath, [...flags, script, source, target, quant]);
    } catch (cause) {
      const why = (cause as Error).message;
      throw new ModelError('corrupt', `the model could not be quantized to ${quant}: ${why}`, { cause });
    }
  },
};

/** Refuses a folder whose networks no engine runs. @throws ModelError */
function inspectConfigs(folder: FolderConfigs): void {
  try {
    readPictureFacts(folder);
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new ModelError('corrupt', cause.message, { cause });
  }
}

/** Brings a model onto this machine, converted by llama.cpp if that is needed. @throws ModelError */
export const resolveModel = (
  reference: string,
  options: Omit<ResolveOptions, 'quantizer' | 'inspectConfigs'>,
): Promise<ResolvedModel> => bringModel(reference, { ...options, quantizer: llamaQuantizer, inspectConfigs });

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ModelError } from '@ogong/models/model-error';
import { bringModel, type Quantizer, type ResolvedModel, type ResolveOptions } from '@ogong/models/resolve';
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

/** Brings a model onto this machine, converted by llama.cpp if that is needed. @throws ModelError */
export const resolveModel = (reference: string, options: Omit<ResolveOptions, 'quantizer'>): Promise<ResolvedModel> =>
  bringModel(reference, { ...options, quantizer: llamaQuantizer });

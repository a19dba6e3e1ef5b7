import { createModelDrafter, type ModelDrafter } from '../decode/model-drafter.ts';
import { EngineError } from '../interface/engine-error.ts';
import { BATCH_ROWS } from './device/memory.ts';
import type { LlamaLibrary } from './library.ts';
import { createLlamaBatchModel } from './llama-model.ts';
import type { LlamaTextLoad } from './load-options.ts';
import { openLlamaModel } from './model.ts';

/**
 * Opens a draft model beside the model that it guesses for, with the library's own choice of kernels: no bit depends on what it
 * guesses.
 * @throws EngineError('unsupported-model')
 */
export function openDrafter(
  library: LlamaLibrary,
  path: string,
  { sequences, threads, contextSize, drafts }: Pick<LlamaTextLoad, 'sequences' | 'threads' | 'contextSize' | 'drafts'>,
): ModelDrafter {
  const opened = openLlamaModel(library, path, { repack: true });
  if (opened.isRecurrent) {
    opened.free();
    throw new EngineError('unsupported-model', `${path} has recurrent layers, which forget no wrong guess`);
  }
  const model = createLlamaBatchModel(opened, {
    ...{ kernels: 'fast', kvType: 'f16', flashAttention: true, kvUnified: false },
    ...{ contextSize, threads, batchSize: Math.max(BATCH_ROWS, sequences) },
  });
  return createModelDrafter({ model, context: model.createContext({ purpose: 'serve', sequences }), most: drafts });
}

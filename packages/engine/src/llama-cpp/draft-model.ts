import { createModelDrafter, type ModelDrafter } from '../decode/model-drafter.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { LlamaLibrary } from './library.ts';
import { createLlamaBatchModel } from './llama-model.ts';
import type { LlamaTextLoad } from './load-options.ts';
import { BATCH_ROWS } from './memory.ts';
import { openLlamaModel } from './model.ts';
import { inspectModelFile, type ModelFacts } from './model-file.ts';

/** A first look at a draft model. @throws EngineError('unsupported-model') where it cannot guess tokens of the model. */
export function inspectDraftModel(path: string, model: ModelFacts): ModelFacts {
  const draft = inspectModelFile(path);
  if (draft.poolingCode !== undefined || !draft.isCausal)
    throw new EngineError('unsupported-model', `${path} does not write, so it cannot guess what another model writes`);
  if (!sameBytes(draft.vocabularyHash, model.vocabularyHash))
    throw new EngineError(
      'unsupported-model',
      `the draft model ${path} has another vocabulary than ${model.path}; take a smaller model of the same family`,
    );
  return draft;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What both take of the memory. */
export const besideDraft = (model: ModelFacts, draft: ModelFacts): ModelFacts => ({
  ...model,
  weightBytes: model.weightBytes + draft.weightBytes,
  kvBytesPerPosition: model.kvBytesPerPosition + draft.kvBytesPerPosition,
});

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

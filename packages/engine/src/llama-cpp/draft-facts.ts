import { EngineError } from '../interface/engine-error.ts';
import { inspectModelFile, type ModelFacts } from './model-file.ts';

/** A first look at a draft model. @throws EngineError('unsupported-model') if it cannot guess tokens of the model. */
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

/** Returns the memory facts of both models together. */
export const besideDraft = (model: ModelFacts, draft: ModelFacts): ModelFacts => ({
  ...model,
  weightBytes: model.weightBytes + draft.weightBytes,
  kvBytesPerPosition: model.kvBytesPerPosition + draft.kvBytesPerPosition,
  stateBytesPerSequence: model.stateBytesPerSequence + draft.stateBytesPerSequence,
});

import { type FileStamp, readFileStamp } from '@ogong/models/file-stamp';
import { assertWholeGguf } from '@ogong/models/gguf/check';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { GgufError, type GgufHeader, stringOf } from '@ogong/models/gguf/types';
import { EngineError } from '../interface/engine-error.ts';
import type { ModelFacts } from './model-file.ts';

/**
 * Looks at a LoRA adapter before llama.cpp sees it.
 * @throws EngineError('model-not-found' | 'model-corrupt'), 'unsupported-model' if it is no adapter or fits another architecture.
 */
export function inspectAdapterFile(
  path: string,
  base: Pick<ModelFacts, 'path' | 'architecture'>,
): { readonly stamp: FileStamp } {
  let header: GgufHeader;
  let stamp: FileStamp;
  try {
    stamp = readFileStamp(path);
    header = readGgufHeader(path);
    assertWholeGguf(path, header);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new EngineError('model-not-found', `there is no adapter file at ${path}`, { cause });
    if (cause instanceof GgufError) throw new EngineError('model-corrupt', `${path}: ${cause.message}`, { cause });
    throw cause;
  }
  const text = (key: string): string | undefined => stringOf(header.metadata, key);
  const kind = text('general.type');
  if (kind !== 'adapter' || text('adapter.type') !== 'lora')
    throw new EngineError(
      'unsupported-model',
      `${path} is no LoRA adapter: its general.type is ${kind ?? 'not given'}`,
    );
  const architecture = text('general.architecture');
  if (architecture !== base.architecture)
    throw new EngineError(
      'unsupported-model',
      `the adapter ${path} is for models of architecture ${architecture ?? 'unknown'}; ${base.path} is ${base.architecture}`,
    );
  return { stamp };
}

/** Returns the memory facts of a model together with its adapters. @throws EngineError as `inspectAdapterFile`. */
export const besideAdapters = (model: ModelFacts, paths: readonly string[]): ModelFacts => ({
  ...model,
  weightBytes: paths.reduce(
    (sum, path) => sum + Number(inspectAdapterFile(path, model).stamp.sizeBytes),
    model.weightBytes,
  ),
});

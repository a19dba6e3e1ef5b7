import { EngineError } from '../interface/engine-error.ts';
import type { LlamaLibrary, Pointer } from './library.ts';

/** Bit-exact reference kernels for a context's following passes, or ggml's own choice again. @throws EngineError if the build lacks them. */
export function useReference(library: LlamaLibrary, context: Pointer, on: boolean): void {
  const { setUseReference, getScheduler } = library;
  if (setUseReference === undefined || getScheduler === undefined) {
    if (on) throw new EngineError('unsupported-model', 'this build of llama.cpp has no reference kernels');
    return;
  }
  const scheduler = getScheduler(context);
  const count = library.schedulerBackendCount(scheduler) as number;
  for (let i = 0; i < count; i++) {
    const backend: Pointer = library.schedulerBackend(scheduler, i);
    if (library.backendName(backend) === 'CPU') setUseReference(backend, on);
  }
}

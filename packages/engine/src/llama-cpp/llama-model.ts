import type { BatchContext, BatchModel } from '../batch-model.ts';
import type { LlamaContext, LlamaModel } from './model.ts';
import type { KernelPath } from './numeric-class.ts';

export interface LlamaBatchModelOptions {
  readonly kernels: KernelPath;
  readonly contextSize: number;
  readonly threads: number;
  readonly batchSize: number;
}

/**
 * From this position on, flash attention over a KV cache padded to 512 splits by threads; the default kernels are then
 * exact on one thread only (docs/adr/0003-exact-class.md).
 */
const SPLIT_POSITION = 256;

/** llama.cpp as the scheduler sees it: bounded rows, and kernels chosen per pass so that the declared class holds. */
export function createLlamaBatchModel(model: LlamaModel, options: LlamaBatchModelOptions): BatchModel {
  const { vocabulary, embeddingSize } = model;
  const isEnd = Uint8Array.from({ length: vocabulary.size }, (_, token) => (vocabulary.isEnd(token) ? 1 : 0));
  const bytes = new Map<number, Uint8Array>();
  return {
    vocabularySize: vocabulary.size,
    embeddingSize,
    isEnd: (token) => isEnd[token] === 1,
    bytesOf(token) {
      let found = bytes.get(token);
      if (found === undefined) {
        found = vocabulary.bytesOf(token);
        bytes.set(token, found);
      }
      return found;
    },
    createContext: ({ purpose, sequences }) => createExactContext(model, { ...options, purpose, sequences }),
    free: () => model.free(),
  };
}

function createExactContext(
  model: LlamaModel,
  options: LlamaBatchModelOptions & { purpose: 'serve' | 'score'; sequences: number },
): BatchContext {
  const { kernels, threads, purpose, sequences, contextSize, batchSize } = options;
  const pads = kernels === 'exact-2';
  const context: LlamaContext = model.createContext({
    contextSize,
    // The padding row needs a sequence of its own.
    sequences: sequences + (pads ? 1 : 0),
    threads,
    batchSize: batchSize + (pads ? 1 : 0),
  });
  let rows = 0;
  let furthest = 0;
  let isReference = false;
  const setReference = (on: boolean) => {
    if (on === isReference) return;
    context.useReference(on);
    isReference = on;
  };
  return {
    contextSize: Math.min(contextSize, context.contextSize),
    sequences,
    batchSize,
    add(token, position, sequence) {
      context.add(token, position, sequence);
      rows++;
      if (position > furthest) furthest = position;
    },
    decode(outputs) {
      if (rows === 0) return;
      const isDecode = outputs && purpose === 'serve';
      if (kernels !== 'fast') setReference(!isDecode || (threads > 1 && furthest >= SPLIT_POSITION));
      const padding = pads && rows === 1;
      if (padding) context.add(0, 0, sequences);
      rows = 0;
      furthest = 0;
      context.decode(outputs);
      if (padding) context.remove(sequences);
    },
    logits: () => context.logits(),
    hidden: () => context.hidden(),
    remove: (sequence) => context.remove(sequence),
    free: () => context.free(),
  };
}

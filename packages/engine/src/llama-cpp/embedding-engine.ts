import { fileURLToPath } from 'node:url';
import type { FileHashes } from '@ogong/models/file-hashes';
import type { EmbeddingEngine } from '../interface/embedding.ts';
import { createSupervisor, type SupervisorEvent } from '../process/supervisor.ts';
import { assertFitsMemory, type GivenMemory } from './device/memory.ts';
import { countCores } from './device/platform.ts';
import { findPooling } from './embedding-host.ts';
import { assertOption } from './engine.ts';
import type { EmbeddingKernels, LlamaEmbeddingContract, LlamaEmbeddingLoad } from './load-options.ts';
import { inspectModelFile } from './model-file.ts';
import { verifyModel } from './verified-model.ts';

export interface LlamaEmbeddingOptions {
  /** A GGUF file of an embedding model or of a reranker: one that names how it pools. */
  readonly modelPath: string;
  /** The root that the files must have, 32 bytes. */
  readonly modelRoot?: Uint8Array;
  /** Hashes of the files, if they are known already. */
  readonly hashes?: FileHashes;
  /** A CPU library's name, `auto` (the most widely reproducible that runs here) or `native` (the fastest). */
  readonly isa?: string;
  /** At most the physical cores; one if the model is tiny. */
  readonly threads?: number;
  /** Value of `threads` if it is not given. Default: all physical cores. Several engines of one machine share them. */
  readonly cores?: number;
  /** Tokens of one input, at most the model's own; 2048 if not given. */
  readonly contextSize?: number;
  /** `reference` (the default) can be reproduced bit for bit; `plain` is ggml's choice. */
  readonly kernels?: EmbeddingKernels;
  readonly maxQueue?: number;
  /** Bytes that the engine may take. Default: the free memory of the machine. */
  readonly availableMemory?: GivenMemory;
}

export interface LlamaEmbeddingEngine extends EmbeddingEngine {
  /** The child's process id, while it lives. */
  pid(): number | undefined;
}

const TINY_MODEL_BYTES = 64 * 2 ** 20;
const DEFAULT_CONTEXT = 2048;
const DEFAULT_QUEUE = 32;

/**
 * Loads an embedding model into a supervised child process.
 * @throws EngineError: 'model-not-found', 'model-corrupt' (wrong hash, broken file), 'not-enough-memory',
 *   'unsupported-model' (no embedding model), 'invalid-request' (an option out of range).
 */
export async function createLlamaEmbeddingEngine(
  options: LlamaEmbeddingOptions,
  hooks: { readonly onEvent?: (event: SupervisorEvent) => void } = {},
): Promise<LlamaEmbeddingEngine> {
  const { modelPath, kernels = 'reference', isa = 'auto', maxQueue = DEFAULT_QUEUE } = options;
  const file = inspectModelFile(modelPath);
  findPooling(file);
  // An encoder may have no vector for a later position.
  const contextSize = Math.min(file.trainContext, options.contextSize ?? DEFAULT_CONTEXT);
  const threads = options.threads ?? (file.weightBytes < TINY_MODEL_BYTES ? 1 : (options.cores ?? countCores()));
  assertOption('contextSize', contextSize, 16, 1 << 17);
  assertOption('threads', threads, 1, countCores());
  assertOption('maxQueue', maxQueue, 1, 4096);
  const shape = { contextSize, sequences: 1, batchSize: contextSize };
  assertFitsMemory(file, shape, options.availableMemory);
  const verified = await verifyModel(modelPath, options, file);
  const load: LlamaEmbeddingLoad = { ...verified, modelPath, isa, threads, contextSize, kernels, maxQueue };
  const supervisor = await createSupervisor<LlamaEmbeddingContract>({
    load,
    onEvent: hooks.onEvent,
    child: { path: fileURLToPath(new URL('./embedding-child.ts', import.meta.url)) },
  });
  return {
    specificationVersion: 'embedding-v1',
    info: () => supervisor.info(),
    embed: (request, { signal } = {}) => supervisor.call({ kind: 'embed', request }, signal),
    tokenize: (input, query) => supervisor.call({ kind: 'tokenize', input, query }),
    close: () => supervisor.close(),
    pid: () => supervisor.pid(),
  };
}

import { fileURLToPath } from 'node:url';
import type { FileHashes } from '@ogong/models/file-hashes';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { computePooledRoot } from '@ogong/protocol/modality/embedding/pooled-root';
import type { EmbeddingEngine } from '../interface/embedding.ts';
import { EngineError } from '../interface/engine-error.ts';
import { createSupervisor, type SupervisorEvent } from '../process/supervisor.ts';
import { assertFitsMemory, type GivenMemory } from './device/memory.ts';
import { countCores } from './device/platform.ts';
import { findPooling } from './embedding-host.ts';
import { assertOption } from './engine.ts';
import type { EmbeddingKernels, LlamaEmbeddingContract, LlamaEmbeddingLoad } from './load-options.ts';
import { inspectModelFile, type ModelFacts } from './model-file.ts';
import { POOLING_CODES } from './pooled-context.ts';
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
  /** How vectors are made of the hidden states of a model that writes. Default: the way that the file names. */
  readonly pools?: ChosenPooling | undefined;
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

/** The way to make vectors of a model whose file names none. */
export type ChosenPooling = 'mean';

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
  const file = choosePooling(inspectModelFile(modelPath), options.pools);
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
  const modelRoot = options.pools ? computePooledRoot(nobleCrypto, verified.modelRoot) : verified.modelRoot;
  const load: LlamaEmbeddingLoad = { ...verified, modelRoot, modelPath, isa, threads, contextSize, kernels, maxQueue };
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

/** @throws EngineError if the file has a way of its own, or if its tokens see those behind them. */
function choosePooling(file: ModelFacts, pools: ChosenPooling | undefined): ModelFacts {
  if (pools === undefined) return file;
  if (file.poolingCode !== undefined)
    throw new EngineError(
      'unsupported-model',
      `${file.path} is an embedding model already: its file names how it pools; give it as it is`,
    );
  if (!file.isCausal)
    throw new EngineError('unsupported-model', `${file.path} does not write, and its file names no way of pooling`);
  return { ...file, poolingCode: POOLING_CODES[pools] };
}

import type { FileHashes } from '@ogong/models/file-hashes';
import type { EmbeddingEngine } from './interface/embedding.ts';
import { EngineError } from './interface/engine-error.ts';
import type { TextEngine } from './interface/text.ts';
import { createLlamaEmbeddingEngine } from './llama-cpp/embedding-engine.ts';
import { createLlamaEngine, ENGINE_DEFAULTS, type LlamaEngineOptions } from './llama-cpp/engine.ts';
import { inspectModelFile, type ModelFacts } from './llama-cpp/model-file.ts';
import type { SupervisorEvent } from './process/supervisor.ts';
import { createUpstreamEngine, type UpstreamOptions } from './upstream/engine.ts';

/** What an operator chooses, whatever the model is. What a kind of engine has no use for it leaves aside. */
export interface OpenEngineSettings
  extends Pick<
    LlamaEngineOptions,
    | 'isa'
    | 'threads'
    | 'cores'
    | 'contextSize'
    | 'sequences'
    | 'shapes'
    | 'drafts'
    | 'draftModelPath'
    | 'prefixCache'
    | 'kvType'
    | 'flashAttention'
    | 'gpuLayers'
    | 'expertsOnCpu'
    | 'tensorSplit'
    | 'scoresOnly'
    | 'backend'
    | 'availableMemory'
    | 'adapterPaths'
  > {
  /** A GGUF file; of a split model, the first shard. */
  readonly modelPath: string;
  /** The root that the files must have, 32 bytes. */
  readonly modelRoot?: Uint8Array;
  /** What was read of the files before; without it they are read in full. */
  readonly hashes?: FileHashes;
  readonly kernels?: NonNullable<LlamaEngineOptions['kernels']>;
}

/** An engine of any modality, told apart by `specificationVersion`. */
export type Engine = TextEngine | EmbeddingEngine;

/** One kind of engine: which files it runs, and how it opens them. */
interface EngineKind {
  runs(file: ModelFacts): boolean;
  open(settings: OpenEngineSettings, hooks: OpenEngineHooks): Promise<Engine>;
}

interface OpenEngineHooks {
  readonly onEvent?: (event: SupervisorEvent) => void;
}

/** A file that names how it pools is one of embeddings or a reranker, also where the engine then refuses its way of pooling. */
const embedding: EngineKind = {
  runs: ({ poolingCode }) => poolingCode !== undefined,
  async open({ backend = ENGINE_DEFAULTS.backend, kernels = ENGINE_DEFAULTS.kernels, ...settings }, hooks) {
    if (backend !== 'cpu')
      throw new EngineError('unsupported-model', `embeddings are computed on the CPU, not on ${backend}`);
    if ((settings.adapterPaths ?? []).length > 0)
      throw new EngineError('unsupported-model', 'an embedding model runs without adapters; leave them out');
    const { modelPath, modelRoot, hashes, isa, threads, cores, contextSize, sequences, availableMemory } = settings;
    return createLlamaEmbeddingEngine(
      {
        modelPath,
        kernels: kernels === 'plain' || kernels === 'fast' ? 'plain' : 'reference',
        ...(modelRoot && { modelRoot }),
        ...(hashes && { hashes }),
        ...(isa === undefined ? {} : { isa }),
        ...(threads === undefined ? {} : { threads }),
        ...(cores === undefined ? {} : { cores }),
        ...(availableMemory === undefined ? {} : { availableMemory }),
        ...(contextSize === undefined ? {} : { contextSize }),
        ...(sequences === undefined ? {} : { maxQueue: sequences }),
      },
      hooks,
    );
  },
};

const text: EngineKind = {
  runs: ({ poolingCode, isCausal }) => poolingCode === undefined && isCausal,
  open: (settings, hooks) => createLlamaEngine(settings, hooks),
};

const ENGINE_KINDS: readonly EngineKind[] = [text, embedding];

/**
 * Looks at the model file and opens the engine of its modality, in a supervised child process; or one in front of another server.
 * @throws EngineError: 'unsupported-model' where no engine runs the file, and as the engine that does.
 */
export async function openEngine(
  settings: OpenEngineSettings | { readonly upstream: UpstreamOptions },
  hooks: OpenEngineHooks = {},
): Promise<Engine> {
  if ('upstream' in settings) return createUpstreamEngine(settings.upstream);
  const file = inspectModelFile(settings.modelPath);
  const kind = ENGINE_KINDS.find((each) => each.runs(file));
  if (kind === undefined) {
    throw new EngineError(
      'unsupported-model',
      `${file.path} (${file.architecture}) can neither write nor embed: every token sees those after it, and the file names no way of pooling (${file.architecture}.pooling_type)`,
    );
  }
  return kind.open(settings, hooks);
}

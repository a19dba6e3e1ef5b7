import type { FileHashes } from '@ogong/models/file-hashes';
import type { EmbeddingEngine } from './interface/embedding.ts';
import { EngineError } from './interface/engine-error.ts';
import type { TextEngine } from './interface/text.ts';
import type { TrajectoryEngine } from './interface/trajectory.ts';
import { createLlamaEmbeddingEngine } from './llama-cpp/embedding-engine.ts';
import { createLlamaEngine, ENGINE_DEFAULTS, type LlamaEngineOptions } from './llama-cpp/engine.ts';
import { inspectModelFile, type ModelFacts } from './llama-cpp/model-file.ts';
import type { SupervisorEvent } from './process/supervisor.ts';

/** Choices of an operator, for every kind of model. A kind of engine ignores the choices that it has no use for. */
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
  /** Hashes of files that were read before. Default: files are read in full. */
  readonly hashes?: FileHashes;
  readonly kernels?: NonNullable<LlamaEngineOptions['kernels']>;
}

/** An engine of any modality; `specificationVersion` names it. */
export type Engine = TextEngine | EmbeddingEngine | TrajectoryEngine;

/** One kind of engine: the files that it runs, and the way to open them. */
interface EngineKind {
  runs(file: ModelFacts): boolean;
  open(settings: OpenEngineSettings, hooks: OpenEngineHooks): Promise<Engine>;
}

interface OpenEngineHooks {
  readonly onEvent?: (event: SupervisorEvent) => void;
}

/** A file that names how it pools is one of embeddings or a reranker, also if the engine then refuses its way of pooling. */
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

/** All kinds of engines that run a file, by the interface that they have. */
const ENGINE_KINDS = {
  'text-v1': text,
  'embedding-v1': embedding,
} as const satisfies Partial<Record<Engine['specificationVersion'], EngineKind>>;

/** Returns the interface of the engine that runs a model file; undefined if none does. */
export function findEngineKind(
  file: ModelFacts,
): { readonly specificationVersion: keyof typeof ENGINE_KINDS } | undefined {
  const versions = Object.keys(ENGINE_KINDS) as (keyof typeof ENGINE_KINDS)[];
  const specificationVersion = versions.find((version) => ENGINE_KINDS[version].runs(file));
  return specificationVersion && { specificationVersion };
}

/**
 * Looks at the model file and opens the engine of its modality, in a supervised child process.
 * @throws EngineError: 'unsupported-model' if no engine runs the file, and the errors of the engine that does.
 */
export async function openEngine(settings: OpenEngineSettings, hooks: OpenEngineHooks = {}): Promise<Engine> {
  const file = inspectModelFile(settings.modelPath);
  const kind = findEngineKind(file);
  if (kind === undefined) {
    throw new EngineError(
      'unsupported-model',
      `${file.path} (${file.architecture}) can neither write nor embed: every token sees those after it, and the file names no way of pooling (${file.architecture}.pooling_type)`,
    );
  }
  return ENGINE_KINDS[kind.specificationVersion].open(settings, hooks);
}

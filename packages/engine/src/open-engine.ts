import { statSync } from 'node:fs';
import { findLanguageModel, isEncoderFolder } from '@ogong/models/encoder-folder';
import type { FileHashes } from '@ogong/models/file-hashes';
import { ModelError } from '@ogong/models/model-error';
import { isModelFolder, MODEL_INDEX } from '@ogong/models/model-folder';
import { isOnnxModel } from '@ogong/models/onnx-model';
import type { EmbeddingEngine } from './interface/embedding.ts';
import { EngineError } from './interface/engine-error.ts';
import type { TensorEngine } from './interface/tensor.ts';
import type { TextEngine } from './interface/text.ts';
import type { TrajectoryEngine } from './interface/trajectory.ts';
import { toMemoryRoom } from './llama-cpp/device/memory.ts';
import { type ChosenPooling, createLlamaEmbeddingEngine } from './llama-cpp/embedding-engine.ts';
import { createLlamaEngine, ENGINE_DEFAULTS, type LlamaEngineOptions } from './llama-cpp/engine.ts';
import { inspectModelFile, type ModelFacts } from './llama-cpp/model-file.ts';
import type { OnnxBackend } from './onnx/numeric-class.ts';
import { estimateFolderMemory } from './onnx/plan-folder.ts';
import { type OnnxTensorOptions, openTensorEngine } from './onnx/tensors/tensor-engine.ts';
import { openTrajectoryEngine } from './onnx/trajectory-engine.ts';
import type { SupervisorEvent } from './process/supervisor.ts';
import { inspectEncoder, openPictureEncoder } from './vision/picture-encoder.ts';
import { assertReadsRows } from './vision/picture-rows.ts';

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
    | 'valueType'
    | 'batchSize'
    | 'flashAttention'
    | 'gpuLayers'
    | 'gpuMemory'
    | 'expertsOnCpu'
    | 'cpuExperts'
    | 'tensorSplit'
    | 'scoresOnly'
    | 'backend'
    | 'availableMemory'
    | 'pagedWeights'
    | 'adapterPaths'
  > {
  /**
   * A GGUF file; of a split model, the first shard. Or a model folder with `model_index.json`, or a folder with one GGUF file and an
   * encoder of pictures. Or an ONNX file, or a folder with one.
   */
  readonly modelPath: string;
  /** Folder of an encoder of pictures for the model: `onnx/vision_encoder.onnx` with its configuration. */
  readonly encoderPath?: string;
  /** Build that computes the encoder. Default: `cpu`, the native one. */
  readonly encoderBackend?: OnnxBackend;
  /** The root that the files must have, 32 bytes. */
  readonly modelRoot?: Uint8Array;
  /** Hashes of files that were read before. Default: files are read in full. */
  readonly hashes?: FileHashes;
  readonly kernels?: NonNullable<LlamaEngineOptions['kernels']>;
  /** Makes vectors of the hidden states of a model that writes. Default: it writes. */
  readonly pools?: ChosenPooling | undefined;
}

/** An engine of any modality; `specificationVersion` names it. */
export type Engine = TextEngine | EmbeddingEngine | TrajectoryEngine | TensorEngine;

/** The choice of `isa` that computes in WebAssembly: slower, with the same bits on every machine. Only for model folders. */
const WASM = 'wasm';

/** One kind of engine: the GGUF files that it runs, and the way to open them. */
interface EngineKind {
  /** Returns false for every file if the engine runs folders. */
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
    if (backend !== 'cpu' && settings.pools === undefined)
      throw new EngineError('unsupported-model', `embeddings are computed on the CPU, not on ${backend}`);
    if ((settings.adapterPaths ?? []).length > 0)
      throw new EngineError('unsupported-model', 'an embedding model runs without adapters; leave them out');
    if (settings.encoderPath !== undefined)
      throw new EngineError('unsupported-model', 'an embedding model reads no pictures; leave the encoder out');
    const { modelPath, modelRoot, hashes, isa, threads, cores, contextSize, sequences, availableMemory } = settings;
    return createLlamaEmbeddingEngine(
      {
        modelPath,
        kernels: kernels === 'plain' || kernels === 'fast' ? 'plain' : 'reference',
        ...(settings.pools && { pools: settings.pools }),
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
  async open({ encoderPath, encoderBackend, ...settings }, hooks) {
    if (encoderPath === undefined) return createLlamaEngine(settings, hooks);
    const { modelPath, threads, cores, hashes, availableMemory } = settings;
    const encoder = await openPictureEncoder(
      encoderPath,
      {
        ...(encoderBackend && { backend: encoderBackend }),
        ...(hashes && { hashes }),
        ...(threads === undefined ? {} : { threads }),
        ...(cores === undefined ? {} : { cores }),
        ...(availableMemory === undefined ? {} : { availableMemory }),
      },
      hooks,
    );
    try {
      assertReadsRows(inspectModelFile(modelPath), encoder.info());
      // The free memory of the machine is without the encoder's already.
      const room = availableMemory === undefined ? undefined : toMemoryRoom(availableMemory);
      const taken = estimateFolderMemory(inspectEncoder(encoderPath));
      const memory = room && { availableMemory: { ...room, bytes: Math.max(0, room.bytes - taken) } };
      return await createLlamaEngine({ ...settings, ...memory, encoder }, hooks);
    } catch (error) {
      await encoder.close();
      throw error;
    }
  },
};

/** A model of pictures is a folder. */
const trajectory: EngineKind = {
  runs: () => false,
  open: (settings, hooks) => openTrajectoryEngine(toOnnxOptions(settings, 'a model of pictures'), hooks),
};

/** A model of named tensors is an ONNX file. */
const tensor: EngineKind = {
  runs: () => false,
  open: (settings, hooks) => openTensorEngine(toOnnxOptions(settings, 'a model of tensors'), hooks),
};

/** Picks the choices that a model of ONNX files has. @param noun of such a model. @throws EngineError for another choice. */
function toOnnxOptions(
  { backend = ENGINE_DEFAULTS.backend, ...settings }: OpenEngineSettings,
  noun: string,
): OnnxTensorOptions {
  if (backend !== 'cpu')
    throw new EngineError('unsupported-model', `${noun} is computed on the CPU, not on ${backend}`);
  if ((settings.adapterPaths ?? []).length > 0)
    throw new EngineError('unsupported-model', `${noun} runs without adapters; leave them out`);
  if (settings.encoderPath !== undefined)
    throw new EngineError('unsupported-model', `${noun} has no encoder beside it; leave it out`);
  const { modelPath, modelRoot, hashes, isa, threads, cores, availableMemory } = settings;
  return {
    ...{ modelPath, backend: isa === WASM ? 'wasm' : 'cpu' },
    ...(modelRoot && { modelRoot }),
    ...(hashes && { hashes }),
    ...(threads === undefined ? {} : { threads }),
    ...(cores === undefined ? {} : { cores }),
    ...(availableMemory === undefined ? {} : { availableMemory }),
  };
}

/** All kinds of engines, by the interface that they have. */
const ENGINE_KINDS = {
  'text-v1': text,
  'embedding-v1': embedding,
  'trajectory-v1': trajectory,
  'tensor-v1': tensor,
} as const satisfies Record<Engine['specificationVersion'], EngineKind>;

/** The interface of the engine that runs model folders. */
export const FOLDER_KIND = { specificationVersion: 'trajectory-v1' } as const satisfies Pick<
  Engine,
  'specificationVersion'
>;

/** Returns the interface of the engine that runs a model file; undefined if none does. */
export function findEngineKind(file: ModelFacts): Pick<Engine, 'specificationVersion'> | undefined {
  const versions = Object.keys(ENGINE_KINDS) as Engine['specificationVersion'][];
  const specificationVersion = versions.find((version) => ENGINE_KINDS[version].runs(file));
  return specificationVersion && { specificationVersion };
}

/** The interface of the engine that runs ONNX files. */
export const ONNX_KIND = { specificationVersion: 'tensor-v1' } as const satisfies Pick<Engine, 'specificationVersion'>;

/**
 * Looks at the model's file or folder and opens the engine of its modality, in a supervised child process.
 * @throws EngineError: 'unsupported-model' if no engine runs the file, and the errors of the engine that does.
 */
export async function openEngine(settings: OpenEngineSettings, hooks: OpenEngineHooks = {}): Promise<Engine> {
  const { modelPath, pools } = settings;
  if (pools !== undefined) {
    if (!statSync(modelPath, { throwIfNoEntry: false })?.isDirectory() && !isOnnxModel(modelPath))
      return embedding.open(settings, hooks);
    throw new EngineError('unsupported-model', `${modelPath}: only a GGUF file of a chat model is pooled to vectors`);
  }
  if (isModelFolder(modelPath)) return ENGINE_KINDS[FOLDER_KIND.specificationVersion].open(settings, hooks);
  if (isEncoderFolder(modelPath))
    return openEngine({ encoderPath: modelPath, ...settings, modelPath: findBesideEncoder(modelPath) }, hooks);
  if (isOnnxModel(modelPath)) return ENGINE_KINDS[ONNX_KIND.specificationVersion].open(settings, hooks);
  if (statSync(modelPath, { throwIfNoEntry: false })?.isDirectory())
    throw new EngineError(
      'unsupported-model',
      `${modelPath} is a folder without ${MODEL_INDEX} and without one ONNX file; name a GGUF file, an ONNX file or a model folder`,
    );
  const file = inspectModelFile(modelPath);
  const kind = findEngineKind(file);
  if (kind === undefined) {
    throw new EngineError(
      'unsupported-model',
      `${file.path} (${file.architecture}) can neither write nor embed: every token sees those after it, and the file names no way of pooling (${file.architecture}.pooling_type)`,
    );
  }
  return ENGINE_KINDS[kind.specificationVersion].open(settings, hooks);
}

function findBesideEncoder(folder: string): string {
  try {
    return findLanguageModel(folder);
  } catch (cause) {
    if (!(cause instanceof ModelError)) throw cause;
    throw new EngineError('unsupported-model', cause.message, { cause });
  }
}

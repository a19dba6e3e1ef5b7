import { EngineError } from '@ogong/engine/interface/engine-error';
import { ALL_LAYERS } from '@ogong/engine/llama-cpp/device/placement';
import { countCores } from '@ogong/engine/llama-cpp/device/platform';
import { ENGINE_DEFAULTS, type LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import { assertModelFits, countWeightBytes } from '@ogong/engine/model-size';
import { type Engine, type OpenEngineSettings, openEngine } from '@ogong/engine/open-engine';
import { resolveModel } from '@ogong/engine/resolve-model';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { boolean, define, httpUrl, integer, oneOf, size, text } from '@ogong/host/config/values';
import type { Secret } from '@ogong/host/crypto/secret';
import type { Logger } from '@ogong/host/log/logger';
import type { DownloadProgress } from '@ogong/models/download';
import type { ReadingProgress } from '@ogong/models/file-hashes';
import type { ResolvedModel } from '@ogong/models/resolve';
import { openFileHashes } from '@ogong/models/store';
import type { ProviderModality } from '../modality/modality.ts';
import { findModality, isEngineOf } from '../modality/registry.ts';
import {
  type BackendSetting,
  type BackendSources,
  openOnBackend,
  rankBackends,
  type TakenBackend,
} from './auto-backend.ts';
import { listUnusedProjectors } from './encoder-flag.ts';
import { weighModel } from './footprint.ts';
import { describePaged, findPagedRoom, findRoom } from './memory-share.ts';
import { readPooled } from './pooled-reference.ts';

const shares = define('shares, one for each card, such as 3,1', '<a,b>', (value) => {
  const read = value.split(',').map((part) => (/^\d{1,6}(?:\.\d{1,6})?$/.test(part) ? Number(part) : Number.NaN));
  return read.every((share) => share > 0) ? read : undefined;
});

/** The back end of programs that compute answers. A verifier has to compute in the class of others, so it has no `auto`. */
export const autoBackendField = {
  backend: {
    schema: oneOf(['auto', 'cpu', 'vulkan', 'cuda', 'metal']),
    env: 'OGONG_BACKEND',
    default: 'auto',
    description:
      'computing device. auto takes cuda, vulkan if it is a card, metal or cpu, in this order, and prints the reason. cuda is the first NVIDIA card, vulkan the first Vulkan device. metal, the GPU of an Apple chip, was never run. The parts of llama.cpp that it needs are fetched once. The device is part of the numeric class',
  },
} as const;

/** Settings of the embedded engine. */
export const engineFields = {
  ...modelsDirField,
  hubEndpoint: { schema: httpUrl, label: '<url>', env: 'HF_ENDPOINT', description: 'the model hub, or a mirror of it' },
  hubToken: {
    schema: text,
    label: '<token>',
    env: 'HF_TOKEN',
    secret: true,
    description: 'for gated models of the hub',
  },
  backend: {
    schema: oneOf(['cpu', 'vulkan', 'cuda', 'metal']),
    env: 'OGONG_BACKEND',
    default: ENGINE_DEFAULTS.backend,
    description:
      "computing device: cpu; vulkan, the machine's first Vulkan device; or cuda, its first NVIDIA card. metal, the GPU of an Apple chip, was never run. The parts of llama.cpp that it needs are fetched once",
  },
  kernels: {
    schema: oneOf(['exact', 'tiled', 'single', 'reference', 'plain', 'fast', 'shaped']),
    env: 'OGONG_KERNELS',
    default: ENGINE_DEFAULTS.kernels,
    description:
      'exact, tiled with faster long prompts, or single with faster lone replies of float weights: verifiers compare bit for bit if they can. plain or fast: llama.cpp chooses, and verifiers compare scores. shaped: the shape classes of a GPU',
  },
  kvType: {
    schema: oneOf(['f16', 'f32', 'q8_0', 'q4_0']),
    env: 'OGONG_KV_TYPE',
    aliases: { flags: ['cache-type-k'], variables: ['LLAMAMP_CACHE_TYPE_K'] },
    default: ENGINE_DEFAULTS.kvType,
    description: 'how keys and values are kept; part of the numeric class, so a verifier needs the same',
  },
  valueType: {
    schema: oneOf(['f16', 'f32', 'q8_0', 'q4_0']),
    env: 'OGONG_VALUE_TYPE',
    aliases: { flags: ['cache-type-v'], variables: ['LLAMAMP_CACHE_TYPE_V'] },
    description:
      'type of values, if keys have another (--kv-type); with --kernels plain or fast. Part of the numeric class',
  },
  batchSize: {
    schema: integer({ min: 128, max: 4096 }),
    label: '<n>',
    env: 'OGONG_BATCH_SIZE',
    aliases: { variables: ['LLAMAMP_BATCH_SIZE'] },
    description:
      'rows of a prompt that a pass takes. Default: 128. More need more memory; no bit of an exact class depends on it',
  },
  flashAttention: {
    schema: boolean,
    env: 'OGONG_FLASH_ATTENTION',
    aliases: { flags: ['flash-attn'], variables: ['LLAMAMP_FLASH_ATTN'] },
    description:
      'on or off; part of the numeric class, and only on is compared bit for bit. If not given: on, but where a GPU pads its steps',
  },
  gpuLayers: {
    schema: integer({ min: 0, max: ALL_LAYERS }),
    label: '<n>',
    env: 'OGONG_GPU_LAYERS',
    aliases: { flags: ['n-gpu-layers', 'ngl'], variables: ['LLAMAMP_NGL'] },
    description:
      'layers that lie on the GPU, with --kernels plain or fast. Default: all that fit; the others stay on the CPU. A class that is compared bit for bit has all of them there',
  },
  gpuMemory: {
    schema: size,
    env: 'OGONG_GPU_MEMORY',
    description: 'memory of the GPU that a model may take, such as 6GiB. Default: all that is free there',
  },
  tensorSplit: {
    schema: shares,
    env: 'OGONG_TENSOR_SPLIT',
    description:
      'shares of several CUDA cards in one model, the first ones of the bus, relative to each other; not run on cards yet',
  },
  expertsOnCpu: {
    schema: boolean,
    boolean: true,
    env: 'OGONG_EXPERTS_ON_CPU',
    aliases: { flags: ['cpu-moe', 'cmoe'] },
    description: 'keep the experts of a mixture of experts off the GPU, with --kernels plain or fast',
  },
  cpuExperts: {
    schema: integer({ min: 0, max: ALL_LAYERS }),
    label: '<n>',
    env: 'OGONG_CPU_EXPERTS',
    aliases: { flags: ['n-cpu-moe', 'ncmoe'], variables: ['LLAMAMP_NCMOE'] },
    description: 'the same for the first n layers alone',
  },
  verify: {
    schema: boolean,
    boolean: true,
    env: 'OGONG_VERIFY',
    description: 'read every model file in full before loading it, not only files that have changed',
  },
  isa: {
    schema: text,
    label: '<name>',
    env: 'OGONG_ISA',
    default: 'auto',
    description:
      'CPU kernels: auto (the most widely reproducible that run here), native (the fastest), or a name. For a model of pictures also wasm (the same bits on every machine)',
  },
  threads: {
    schema: integer({ min: 1, max: 1024 }),
    label: '<n>',
    env: 'OGONG_THREADS',
    description: 'of each model, at most the physical cores; its share of them if not given, one where it is tiny',
  },
  sequences: {
    schema: integer({ min: 1, max: 256 }),
    label: '<n>',
    env: 'OGONG_SEQUENCES',
    aliases: { flags: ['parallel'], variables: ['LLAMAMP_PARALLEL'] },
    description:
      'replies of each model that are generated at a time, or audited in one pass by a verifier. Default: as many as fit into memory, 8 at most',
  },
  memoryBudget: {
    schema: size,
    env: 'OGONG_MEMORY_BUDGET',
    description: 'memory of all models together, such as 6GiB. Default: the free memory of the machine',
  },
  nCtx: {
    schema: integer({ min: 16, max: 1 << 20 }),
    label: '<n>',
    env: 'OGONG_N_CTX',
    aliases: { flags: ['ctx-size'], variables: ['LLAMAMP_N_CTX'] },
    description:
      "prompt and reply, in tokens; the model's own up to 8192 if not given, fewer where they do not fit into memory",
  },
} as const;

/** Settings of an engine that serves; only the first changes bits of a reply, which its windows then say. */
export const servingFields = {
  shapes: {
    schema: oneOf(['auto', 'wide', 'mixed', 'single']),
    env: 'OGONG_SHAPES',
    default: ENGINE_DEFAULTS.shapes,
    description:
      'padding of the steps of a GPU, which makes them reproducible: wide (audits cost least), mixed (less padding), single (none: a pass for each reply). auto measures, and takes wide unless it costs more than 3 % beyond single',
  },
  drafts: {
    schema: integer({ min: 0, max: 8 }),
    label: '<n>',
    env: 'OGONG_DRAFTS',
    description:
      'tokens that a step may guess ahead. Default: 8 on a GPU, where they fill padding, and 0 elsewhere. Steps without padding have none (--shapes single)',
  },
  draftModel: {
    schema: text,
    label: '<path|name>',
    env: 'OGONG_DRAFT_MODEL',
    aliases: { flags: ['model-draft'], variables: ['LLAMAMP_DRAFT_MODEL'] },
    description:
      'a smaller model of the same vocabulary that guesses tokens ahead, named as in --model. In an exact class answers stay the same to the bit. Default: guesses from repetitions of the text',
  },
  prefixCache: {
    schema: boolean,
    env: 'OGONG_PREFIX_CACHE',
    default: String(ENGINE_DEFAULTS.prefixCache),
    description:
      'in an exact class, reuse the cached beginning of an earlier prompt of the same payer and prompt_cache_key',
  },
} as const;

/** An engine that only scores does not have to measure how it would serve, and its sequences are for scores. */
export const SCORES_ONLY = { shapes: 'wide', scoresOnly: true } as const;

export interface EngineSettings {
  readonly modelsDir: string;
  readonly hubEndpoint?: string | undefined;
  readonly hubToken?: Secret<string> | undefined;
  readonly verify?: boolean | undefined;
  readonly backend?: BackendSetting | undefined;
  readonly kernels?: NonNullable<LlamaEngineOptions['kernels']>;
  readonly kvType?: NonNullable<LlamaEngineOptions['kvType']>;
  readonly valueType?: LlamaEngineOptions['valueType'] | undefined;
  readonly batchSize?: number | undefined;
  readonly flashAttention?: boolean | undefined;
  readonly gpuLayers?: number | undefined;
  readonly gpuMemory?: number | undefined;
  readonly expertsOnCpu?: boolean | undefined;
  readonly cpuExperts?: number | undefined;
  readonly tensorSplit?: readonly number[] | undefined;
  readonly shapes?: NonNullable<LlamaEngineOptions['shapes']>;
  readonly drafts?: number | undefined;
  /** A reference, as of a model. */
  readonly draftModel?: string | undefined;
  readonly prefixCache?: boolean;
  readonly scoresOnly?: boolean;
  readonly isa: string;
  readonly threads: number | undefined;
  readonly sequences: number | undefined;
  readonly nCtx: number | undefined;
  /** Folder or repository of the encoder of the only model. */
  readonly mmproj?: string | undefined;
  /** Bytes of all models together. */
  readonly memoryBudget?: number | undefined;
  /** Load a model alone whose weights are larger than the free memory, with a warning. Default: it is refused. */
  readonly pagedWeights?: boolean;
}

/** An engine's share of a machine with several engines. */
export interface MachineShare {
  readonly cores: number;
  /** Bytes of the other engines' weights: mapped files count as free memory, as long as nobody needs it. */
  readonly reservedBytes: number;
  /** The rest of the operator's budget for all models. Default: no such budget. */
  readonly budgetBytes?: number;
}

/** A model's back end that `auto` took. */
export interface ChosenBackend extends Required<TakenBackend> {
  readonly name: string;
}

export interface LoadedModel<E extends Engine = Engine> {
  readonly engine: E;
  readonly model: ResolvedModel;
}

export interface LoadingModel {
  /** As the model was asked for. */
  readonly reference: string;
  readonly name: string;
  /** Size of the weights; undefined if another process loads them. */
  readonly sizeBytes: number | undefined;
}

export interface LoadingPlace {
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Called while a model file outside the store is read in full, which may take minutes. */
  readonly onReading?: (progress: ReadingProgress) => void;
  /** Called while a model is downloaded. */
  readonly onDownload?: (progress: DownloadProgress) => void;
  /** Called when an engine begins to load a model. Its result is called at the end, with whether the model is loaded. */
  readonly onLoading?: (model: LoadingModel) => (isLoaded: boolean) => void;
  /** Called when `--backend auto` has taken a back end. */
  readonly onBackend?: (chosen: ChosenBackend) => void;
  /** The machine's back ends; a test passes its own. */
  readonly backends?: BackendSources;
  /** Ends a download. */
  readonly signal?: AbortSignal;
}

/** Fetches the model if it is not here yet, and opens the engine of its modality. @throws ModelError, EngineError */
export async function loadModel(
  reference: string,
  {
    threads,
    nCtx,
    sequences,
    drafts,
    draftModel,
    hubEndpoint,
    hubToken,
    modelsDir,
    verify = false,
    pagedWeights = false,
    ...given
  }: EngineSettings,
  { log, onReading, onDownload, onLoading, onBackend, backends, signal }: LoadingPlace,
  share?: MachineShare,
): Promise<LoadedModel> {
  const { memoryBudget } = given;
  const { reservedBytes = 0, budgetBytes = memoryBudget } = share ?? {};
  const room = findRoom({ reservedBytes, budgetBytes });
  const wanted = {
    ...(nCtx === undefined ? {} : { contextSize: nCtx }),
    ...(sequences === undefined ? {} : { sequences }),
    ...(given.kvType && { kvType: given.kvType }),
    ...(given.valueType && { valueType: given.valueType }),
    ...(given.batchSize !== undefined && { batchSize: given.batchSize }),
  };
  const sources = { hubEndpoint, hubToken, verify, modelsDir, onReading, onDownload, signal };
  const draft = draftModel === undefined ? undefined : await bringServed(draftModel, { ...sources, inspect: () => {} });
  const { pools, reference: file } = readPooled(reference);
  const isPooled = pools !== undefined;
  // The engine of vectors does not read its weights from the disk.
  const mayPage = pagedWeights && !isPooled && reservedBytes === 0 && memoryBudget === undefined;
  const rank = (path: string, hasEncoder = given.mmproj !== undefined) =>
    rankBackends(path, { ...given, hasEncoder, isPooled }, backends);
  const findPaged = (path: string, backend: TakenBackend['backend'] | undefined) =>
    mayPage ? findPagedRoom(path, { backend, kernels: given.kernels, wanted, room }) : undefined;
  // The last back end is the CPU, where any is.
  const findPagedAtLast = (path: string) => findPaged(path, rank(path).at(-1)?.backend);
  const { model, hashes } = await bringServed(file, {
    ...sources,
    inspect: (path) => assertModelFits(path, { ...wanted, availableMemory: findPagedAtLast(path) ?? room }),
  });
  const { isa, kernels, kvType, shapes, prefixCache } = { ...ENGINE_DEFAULTS, ...given };
  const { flashAttention, gpuLayers, gpuMemory, expertsOnCpu, cpuExperts, tensorSplit, scoresOnly } = given;
  const settings: Omit<OpenEngineSettings, 'backend'> = {
    modelPath: model.path,
    modelRoot: model.modelRoot,
    ...(pools && { pools }),
    ...(model.adapterPaths && { adapterPaths: model.adapterPaths }),
    ...(model.encoderPath && { encoderPath: model.encoderPath }),
    ...{ hashes, isa, kernels, kvType, shapes, prefixCache },
    ...(drafts === undefined ? {} : { drafts }),
    ...(draft && { draftModelPath: draft.model.path }),
    ...(flashAttention === undefined ? {} : { flashAttention }),
    ...(gpuLayers === undefined ? {} : { gpuLayers }),
    ...(gpuMemory === undefined ? {} : { gpuMemory }),
    ...(expertsOnCpu === true && { expertsOnCpu }),
    ...(cpuExperts === undefined ? {} : { cpuExperts }),
    ...(tensorSplit === undefined ? {} : { tensorSplit }),
    ...(scoresOnly === true && { scoresOnly }),
    ...(threads === undefined ? {} : { threads }),
    ...(share && { cores: share.cores }),
    ...wanted,
  };
  const openOn = async ({ backend, why }: TakenBackend): Promise<Engine> => {
    if (why !== undefined) {
      log.info({ model: model.name, backend, why }, 'the back end was chosen');
      onBackend?.({ name: model.name, backend, why });
    }
    const paged = findPaged(model.path, backend);
    if (paged !== undefined) log.warn({ model: model.name }, describePaged(model.path, room));
    const endLoading = onLoading?.({ reference, name: model.name, sizeBytes: countWeightBytes(model.path) });
    let isLoaded = false;
    try {
      const engine = await openEngine(
        { ...settings, backend, availableMemory: paged ?? room, pagedWeights: paged !== undefined },
        {
          onEvent: (event) => {
            if (event.kind === 'crashed') log.warn(event, 'the engine process ended');
          },
        },
      );
      isLoaded = true;
      const info = engine.info();
      if ('gpuLayers' in info)
        onBackend?.({
          ...{ name: model.name, backend },
          why: `${info.gpuLayers} layers lie on the card, and the others stay on the CPU`,
        });
      return engine;
    } finally {
      endLoading?.(isLoaded);
    }
  };
  const engine = await openOnBackend(rank(model.path, model.encoderPath !== undefined), openOn, backends);
  const about = { ...(model.commit && { commit: model.commit }), engine: engine.specificationVersion };
  log.info({ model: model.name, modelRoot: model.modelRoot, ...about, ...describe(engine) }, 'the model is loaded');
  const unused = listUnusedProjectors(model, findModality(engine));
  if (unused.length > 0)
    log.warn({ model: model.name, projectors: unused }, 'to read pictures, name one of these files with --mmproj');
  return { engine, model };
}

/** Loads a model of one modality, for a caller that can use no other. @throws ModelError, EngineError */
export async function loadModelOf<E extends Engine>(
  modality: ProviderModality<E>,
  reference: string,
  settings: EngineSettings,
  place: LoadingPlace,
): Promise<LoadedModel<E>> {
  const { engine, model } = await loadModel(reference, settings, place);
  if (isEngineOf(modality, engine)) return { engine, model };
  await engine.close();
  throw new EngineError(
    'unsupported-model',
    `${model.name} is ${findModality(engine).modelNoun}; ${modality.modelNoun} is needed here`,
  );
}

/**
 * Loads several models on one machine, one after the other. Each engine gets its share of the cores, and must fit beside those
 * before it. If one fails, none stays open.
 * @throws ModelError, EngineError
 */
export async function loadModels(
  references: readonly string[],
  load: (...given: Required<Parameters<typeof loadModel>>) => Promise<LoadedModel>,
  settings: EngineSettings,
  place: LoadingPlace,
): Promise<readonly LoadedModel[]> {
  const cores = Math.max(1, Math.floor(countCores() / references.length));
  const loaded: LoadedModel[] = [];
  const { memoryBudget } = settings;
  let reservedBytes = 0;
  let takenBytes = 0;
  try {
    for (const reference of references) {
      const left = memoryBudget === undefined ? {} : { budgetBytes: memoryBudget - takenBytes };
      const next = await load(reference, settings, place, { cores, reservedBytes, ...left });
      loaded.push(next);
      const { weights, total } = weighModel(next, settings);
      reservedBytes += weights;
      takenBytes += total;
    }
    return loaded;
  } catch (error) {
    await Promise.all(loaded.map(({ engine }) => engine.close()));
    throw error;
  }
}

function describe(engine: Engine) {
  const { numericClass, exact, contextSize } = engine.info();
  return { numericClass, exact, contextSize, ...findModality(engine).describe(engine) };
}

async function bringServed(
  reference: string,
  {
    hubEndpoint,
    hubToken,
    modelsDir: storeDir,
    verify = false,
    inspect,
    onReading,
    onDownload,
    signal,
  }: Pick<EngineSettings, 'hubEndpoint' | 'hubToken' | 'modelsDir' | 'verify'> & {
    readonly inspect: (path: string) => void;
    readonly onReading: LoadingPlace['onReading'];
    readonly onDownload: LoadingPlace['onDownload'];
    readonly signal: LoadingPlace['signal'];
  },
) {
  const hashes = openFileHashes(storeDir, { verify, ...(onReading && { onReading }) });
  const model = await resolveModel(reference, {
    ...{ storeDir, hashes, inspect },
    ...(onDownload && { onProgress: onDownload }),
    ...(signal && { signal }),
    hub: {
      ...(hubEndpoint === undefined ? {} : { endpoint: hubEndpoint }),
      ...(hubToken === undefined ? {} : { token: hubToken.reveal() }),
    },
  });
  return { model, hashes };
}

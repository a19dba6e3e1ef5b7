import { homedir } from 'node:os';
import { join } from 'node:path';
import type { FileHashes } from '@ogong/models/file-hashes';
import { EngineError } from '../interface/engine-error.ts';
import type { TextEngine, TextScoringRequest } from '../interface/text.ts';
import type { PictureEncoder } from '../interface/vision.ts';
import { decodePicture } from '../pixels/decode-picture.ts';
import { findUprightSize } from '../pixels/orientation.ts';
import { readPictureHeader } from '../pixels/picture-header.ts';
import type { ChildModule, SupervisorEvent } from '../process/supervisor.ts';
import { besideAdapters } from './adapter-file.ts';
import { openCudaDevice } from './device/cuda-device.ts';
import { bringGpuBuild } from './device/gpu-build.ts';
import { assertKvType, type GivenMemory } from './device/memory.ts';
import { planMemory } from './device/memory-plan.ts';
import { openMetalDevice } from './device/metal-device.ts';
import { assertPlacement } from './device/placement.ts';
import { countCores } from './device/platform.ts';
import { besideDraft, inspectDraftModel } from './draft-facts.ts';
import type { Backend, GpuBackend } from './library.ts';
import type { LlamaTextLoad } from './load-options.ts';
import { inspectModelFile, type ModelFacts, mixesNeighbours } from './model-file.ts';
import {
  exactKernelsFor,
  formatNumericClass,
  isasOfClass,
  type KernelPath,
  type KvType,
  mayBeExact,
  type NumericClass,
  parseNumericClass,
  singleKernelsFor,
  TAKES_TYPES_APART,
  tiledKernelsFor,
  toUsualClass,
} from './numeric-class.ts';
import type { ShapeChoice } from './pass-shapes.ts';
import { createScorePool, type ScoreSetting } from './score-pool.ts';
import { createTextSupervisor, type TextSupervisor } from './text-supervisor.ts';
import { verifyModel } from './verified-model.ts';

export interface LlamaEngineOptions {
  /** A GGUF file; of a split model, the first shard. */
  readonly modelPath: string;
  /** GGUF files of LoRA adapters for the model, in the order of their application. */
  readonly adapterPaths?: readonly string[];
  /** An encoder whose rows the model reads in place of pictures. `close` of the engine closes it. */
  readonly encoder?: PictureEncoder;
  /** The root that the files must have, 32 bytes; with adapters or an encoder, the composed root. */
  readonly modelRoot?: Uint8Array;
  /** Hashes of files that were read before. Default: files are read in full. */
  readonly hashes?: FileHashes;
  /**
   * `vulkan` computes on the machine's first Vulkan device, a software one included; its build of llama.cpp is fetched
   * once. The device compiles its kernels at the first load, which takes a software device many seconds. `cuda` computes on
   * the first NVIDIA card, and `metal` on the GPU of an Apple chip, both in the class `plain`.
   */
  readonly backend?: Backend;
  /** Folder of fetched builds of llama.cpp. Default: ~/.ogong/engine. */
  readonly engineDir?: string;
  /** A CPU library's name, `auto` (the most widely reproducible that runs here) or `native` (the fastest). */
  readonly isa?: string;
  /** At most the physical cores; one if the model is tiny. */
  readonly threads?: number;
  /** Value of `threads` if it is not given. Default: all physical cores. Several engines of one machine share them. */
  readonly cores?: number;
  /** Prompt + output per reply; the model's own up to 8192, fewer if they do not fit into memory. */
  readonly contextSize?: number;
  /** Replies decoded together; as many as fit into memory, 8 at most. */
  readonly sequences?: number;
  /**
   * For a verifier: replies are decoded one at a time. `sequences` of them are scored together, if the class and a test at load
   * allow it. Default: the other way round.
   */
  readonly scoresOnly?: boolean;
  /**
   * `exact` (the default), `tiled` and `single` can be reproduced bit for bit. Long prompts are faster in `tiled`, and lone replies
   * of float weights in `single`. The others: numeric-class.ts. Where a test at load shows that `tiled` or `single` cannot, and in
   * shape classes, it is `exact`. `shaped` keeps every pass of a GPU in a shape class, as `exact` does on Vulkan.
   */
  readonly kernels?: 'exact' | 'tiled' | 'single' | 'reference' | 'plain' | 'fast' | 'shaped';
  /** How a back end that computes in shape classes pads its steps; `auto` (pass-shapes.ts). */
  readonly shapes?: ShapeChoice;
  /**
   * Tokens that a step may guess ahead for each reply (docs/adr/passes.md); no bit of a reply depends on it. In shape
   * classes 8, which fill padding rows if there are any; elsewhere a guess costs a row, and the default is 0.
   */
  readonly drafts?: number;
  /**
   * A GGUF file of a smaller model with the same vocabulary that guesses these tokens, in place of what the text repeats
   * (docs/adr/passes.md). Then `drafts` is 7 outside shape classes.
   */
  readonly draftModelPath?: string;
  /**
   * In an exact class prompts begin with what earlier ones of the same scope have left in the KV cache
   * (GenerateRequest.cacheScope); on.
   */
  readonly prefixCache?: boolean;
  /** Type of keys and values. Default: f16. The quantised ones need flash attention and head sizes divisible by 32. */
  readonly kvType?: KvType;
  /** Type of values, if it is another one than that of keys; only with the kernels `plain` and `fast`. */
  readonly valueType?: KvType;
  /** Rows of a pass at most, 128 to 4096. Default: 256. No bit of an exact class depends on it. */
  readonly batchSize?: number;
  /** On, but where the back end computes in shape classes. */
  readonly flashAttention?: boolean;
  /** Bytes of the card's memory that the engine may take. Default: those that are free. */
  readonly gpuMemory?: number;
  /** See placement.ts. Default: all, or as many as fit where the class is compared by scores. */
  readonly gpuLayers?: number;
  readonly expertsOnCpu?: boolean;
  readonly cpuExperts?: number;
  readonly tensorSplit?: readonly number[];
  /** One KV cache for all sequences; off. */
  readonly kvUnified?: boolean;
  readonly promptChunk?: number;
  readonly maxQueue?: number;
  /** Memory that the engine may take. Default: all that the system allows. */
  readonly availableMemory?: GivenMemory;
  /** The weights stay in a file that is mapped, also where the system limits the data of a process. */
  readonly pagedWeights?: boolean;
  /** A module that runs instead of the engine's own child and opens the model in its own way. */
  readonly child?: ChildModule;
}

export interface LlamaEngineHooks {
  readonly onEvent?: (event: SupervisorEvent) => void;
}

export interface LlamaEngine extends TextEngine {
  /** The serving child's process id, while it lives. */
  pid(): number | undefined;
}

const TINY_MODEL_BYTES = 64 * 2 ** 20;
/** The defaults of an engine, in one place. The daemons' flags show the same values. */
export const ENGINE_DEFAULTS = {
  backend: 'cpu',
  kernels: 'exact',
  kvType: 'f16',
  shapes: 'auto',
  prefixCache: true,
} as const satisfies Partial<LlamaEngineOptions>;
const DEFAULT_PROMPT_CHUNK = 128;
const MOST_DRAFTS = 8;
/** Drafts of a draft model on a CPU, where a pass of eight rows costs little more than one of four. */
const USUAL_DRAFTS = 7;

/**
 * Loads a model into a supervised child process.
 * @throws EngineError: 'model-not-found', 'model-corrupt' (wrong hash, broken file), 'not-enough-memory',
 *   'unsupported-model', 'invalid-request' (an option out of range).
 */
export async function createLlamaEngine(
  options: LlamaEngineOptions,
  hooks: LlamaEngineHooks = {},
): Promise<LlamaEngine> {
  const { modelPath, encoder } = options;
  const file = inspectModelFile(modelPath);
  const { kvType, kernels: asked, shapes, backend, prefixCache } = { ...ENGINE_DEFAULTS, ...options };
  if (options.sequences !== undefined) assertOption('sequences', options.sequences, 1, 256);
  if (options.contextSize !== undefined) assertOption('contextSize', options.contextSize, 16, 1 << 20);
  const threads = options.threads ?? (file.weightBytes < TINY_MODEL_BYTES ? 1 : (options.cores ?? countCores()));
  assertOption('threads', threads, 1, countCores());
  const { kvUnified = false } = options;
  const kernels = toKernelPath(asked, options.backend, file);
  const flashAttention = options.flashAttention ?? kernels !== 'shaped';
  const { draftModelPath } = options;
  const draft = draftModelPath === undefined ? undefined : inspectDraftModel(draftModelPath, file);
  const drafts = options.drafts ?? (kernels === 'shaped' ? MOST_DRAFTS : draft === undefined ? 0 : USUAL_DRAFTS);
  assertOption('drafts', drafts, draft === undefined ? 0 : 1, MOST_DRAFTS);
  const { valueType = kvType, batchSize } = options;
  for (const type of [kvType, valueType]) assertKvType(file, type, flashAttention);
  if (valueType !== kvType && !TAKES_TYPES_APART.includes(kernels))
    throw new EngineError(
      'invalid-request',
      `keys of ${kvType} and values of ${valueType}: types apart are for the class plain or fast, and these kernels are ${kernels}. Take --kernels plain, or one type for both`,
    );
  if (batchSize !== undefined) assertOption('batchSize', batchSize, 128, 4096);
  const { gpuLayers, expertsOnCpu, cpuExperts, tensorSplit } = options;
  assertPlacement({ gpuLayers, expertsOnCpu, cpuExperts, tensorSplit }, { backend, kernels });
  const adapted = besideAdapters(file, options.adapterPaths ?? []);
  const { contextSize, sequences: planned } = planMemory(
    draft === undefined ? adapted : besideDraft(adapted, draft),
    options,
    options.availableMemory,
  );
  assertServedAlone(file, planned);
  const [sequences, scoresTogether] = options.scoresOnly ? [1, planned] : [planned, 1];
  const pictures = encoder?.info();
  const verified = await verifyModel(modelPath, { ...options, encoderRoot: pictures?.root }, file);
  const { engineDir = join(homedir(), '.ogong', 'engine') } = options;
  if (backend !== 'cpu') await bringBuild(backend, engineDir, tensorSplit?.length);
  const load: LlamaTextLoad = {
    ...{ backend, engineDir },
    ...verified,
    modelPath,
    isa: options.isa ?? 'auto',
    threads,
    contextSize,
    ...{ sequences, scoresTogether },
    ...{ kernels, kvType, flashAttention, kvUnified, shapes, drafts },
    ...(gpuLayers !== undefined && { gpuLayers }),
    ...(expertsOnCpu !== undefined && { expertsOnCpu }),
    ...(cpuExperts !== undefined && { cpuExperts }),
    ...(valueType !== kvType && { valueType }),
    ...(batchSize !== undefined && { batchSize }),
    ...(tensorSplit !== undefined && { tensorSplit }),
    ...(draftModelPath !== undefined && { draftModelPath }),
    ...(options.gpuMemory !== undefined && { gpuMemory: options.gpuMemory }),
    ...(options.pagedWeights && { pagedWeights: true }),
    ...(pictures && { pictures }),
    prefixCache,
    promptChunk: options.promptChunk ?? batchSize ?? DEFAULT_PROMPT_CHUNK,
    maxQueue: options.maxQueue ?? 4 * sequences,
  };
  const supervisor = await createTextSupervisor({ load, onEvent: hooks.onEvent, child: options.child });
  const pool = createScorePool(load);

  /**
   * Finds the setting to load for a claimed class. It may differ from this engine's in the ISA, in the tiling of long prompts, in
   * the rows of a reply's passes, or in lanes.
   * The result is undefined if the class is this engine's own, or differs in more.
   */
  const findForeign = (request: TextScoringRequest): ScoreSetting | undefined => {
    const own = parseNumericClass(supervisor.info().numericClass);
    const claimed = parseNumericClass(request.numericClass);
    if (
      own === undefined ||
      claimed === undefined ||
      own.backend !== 'cpu' ||
      (claimed.isa === own.isa && claimed.kernels === own.kernels) ||
      !mayBeExact(own) ||
      !mayBeExact(claimed)
    )
      return undefined;
    // Any child sums in lanes and in ascending order.
    const nameSetting = (parts: NumericClass): string =>
      formatNumericClass(toUsualClass({ ...parts, isa: own.isa, hasLanes: false }));
    const isNear = nameSetting(claimed) === nameSetting(own);
    const isas = isNear ? isasOfClass(claimed.isa) : [];
    return isas.length === 0 ? undefined : { isas, kernels: claimed.kernels as KernelPath };
  };

  /** Finds who re-runs a claim: a child of the claimed class, if that is another one and runs here. */
  const findRunner = async (request: TextScoringRequest): Promise<TextSupervisor> => {
    const foreign = findForeign(request);
    return (foreign && (await pool.find(foreign))) ?? supervisor;
  };

  return {
    specificationVersion: 'text-v1',
    info: () => supervisor.info(),
    generate: (request, { signal } = {}) => supervisor.generate(request, signal),
    score: async (request, { signal } = {}) => (await findRunner(request)).call({ kind: 'score', request }, signal),
    trace: async (request, { signal } = {}) => (await findRunner(request)).call({ kind: 'trace', request }, signal),
    tokenizePrompt: (prompt) => supervisor.call({ kind: 'tokenize', prompt }),
    usesTemplate: (prompt) => supervisor.call({ kind: 'template', prompt }),
    async encodePicture(file, given) {
      if (encoder !== undefined) return encoder.encode(await decodePicture(file), given);
      throw new EngineError('unsupported-model', 'this model reads no pictures: it has no encoder');
    },
    ...(encoder && {
      measurePicture: async (file: Uint8Array) => encoder.measure(findUprightSize(readPictureHeader(file))),
    }),
    detokenize: (tokens) => supervisor.call({ kind: 'detokenize', tokens }),
    async close() {
      await Promise.all([supervisor.close(), pool.close(), encoder?.close()]);
    },
    pid: () => supervisor.pid(),
  };
}

/**
 * A first look at a model, before it is read in full: whether it is one, and whether it fits into memory.
 * @throws EngineError
 */
export function assertMayLoad(
  path: string,
  options: Pick<
    LlamaEngineOptions,
    'contextSize' | 'sequences' | 'kvType' | 'valueType' | 'batchSize' | 'availableMemory'
  > = {},
): void {
  const file = inspectModelFile(path);
  // Embeddings are computed one at a time, and so in little memory: their engine checks them.
  const isGenerated = file.poolingCode === undefined;
  const wanted = isGenerated ? options : { ...options, contextSize: Math.min(file.trainContext, 256), sequences: 1 };
  planMemory(file, wanted, options.availableMemory);
}

/** @throws EngineError('invalid-request') */
export function assertOption(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new EngineError(
      'invalid-request',
      `engine option ${name} is ${value}; it must be an integer in ${low}..${high}`,
    );
  }
}

/** @throws EngineError('unsupported-model') */
function assertServedAlone({ path, architecture }: ModelFacts, sequences: number): void {
  if (sequences === 1 || !mixesNeighbours(architecture)) return;
  throw new EngineError(
    'unsupported-model',
    `${path} is of the architecture ${architecture}, whose replies change with others beside them: serve one at a time (--sequences 1)`,
  );
}

function toKernelPath(
  asked: NonNullable<LlamaEngineOptions['kernels']>,
  backend: Backend | undefined,
  file: ModelFacts,
): KernelPath {
  if (asked === 'shaped' && (backend ?? 'cpu') === 'cpu')
    throw new EngineError('invalid-request', 'shape classes are for a GPU; on the CPU take --kernels exact');
  if (asked !== 'exact' && asked !== 'tiled' && asked !== 'single') return asked;
  if (backend === 'vulkan') return 'shaped';
  // It was never measured whether two machines agree on a bit, so verifiers compare scores.
  if (backend === 'cuda' || backend === 'metal') return 'plain';
  if (asked === 'tiled') return tiledKernelsFor(file);
  return asked === 'single' ? singleKernelsFor(file) : exactKernelsFor(file);
}

async function bringBuild(backend: GpuBackend, engineDir: string, cards = 1): Promise<void> {
  try {
    if (backend === 'cuda') openCudaDevice(undefined, undefined, cards);
    if (backend === 'metal') openMetalDevice();
    await bringGpuBuild(backend, engineDir);
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    throw new EngineError(
      'unsupported-model',
      `the ${backend} build of llama.cpp could not be brought to ${engineDir}: ${(cause as Error).message}`,
      { cause, retryable: true },
    );
  }
}

import type { LocalModel } from '../decode/batch-model.ts';
import { createPromptTokenizer } from '../decode/text/prompt-tokens.ts';
import type { PromptVocabulary } from '../decode/text/prompt-vocabulary.ts';
import { spellMarks } from '../decode/text/spelled-marks.ts';
import { EngineError } from '../interface/engine-error.ts';
import { FULL_CAPABILITIES, type TextEngineInfo } from '../interface/text.ts';
import type { TextHostOptions } from '../process/text-host.ts';
import { chooseShapes } from './choose-shapes.ts';
import { openCudaDevice } from './device/cuda-device.ts';
import { findGpuBuild } from './device/gpu-build.ts';
import { chooseGpuLayers } from './device/gpu-layers.ts';
import { BATCH_ROWS, estimateMemory } from './device/memory.ts';
import { openMetalDevice } from './device/metal-device.ts';
import { patternOfCpuTensors } from './device/placement.ts';
import { findLlamaBuild, LLAMA_VERSION } from './device/platform.ts';
import { listVulkanDevices } from './device/vulkan-device.ts';
import { openDrafter } from './draft-model.ts';
import { probeExactness, probeScoresTogether } from './exactness-probe.ts';
import { type LlamaLibrary, loadLlama } from './library.ts';
import { createLlamaBatchModel } from './llama-model.ts';
import type { LlamaTextLoad } from './load-options.ts';
import { openLlamaModel } from './model.ts';
import { inspectModelFile, readLayerSizes } from './model-file.ts';
import {
  formatNumericClass,
  isaClassOf,
  isPaddedPath,
  type KernelPath,
  mayBeExact,
  type NumericClass,
  SINGLE_ROWS,
  toUsualClass,
} from './numeric-class.ts';
import type { ShapePolicy } from './pass-shapes.ts';
import { probeTrace } from './trace-probe.ts';
import { assertUnchanged } from './verified-model.ts';

/** Users do not see the difference, and a message costs as much as a tenth of a step of a small model. */
const GATHER_MS = 20;
/** From this many tokens on, sums over the vocabulary run in lanes. The classes of smaller ones stay as they were. */
const LANED_VOCABULARY = 2 ** 16;

/** @throws EngineError that says what is missing. */
export function openLibrary({
  backend,
  engineDir,
  isa,
  tensorSplit,
}: Pick<LlamaTextLoad, 'backend' | 'engineDir' | 'isa' | 'tensorSplit'>): LlamaLibrary {
  if (backend === 'cpu') return loadLlama(findLlamaBuild(), isa);
  const openDevice = {
    cuda: () => openCudaDevice(undefined, undefined, tensorSplit?.length),
    metal: () => openMetalDevice(),
    vulkan: () => listVulkanDevices()[0],
  };
  const device = openDevice[backend]();
  if (device === undefined) throw new EngineError('unsupported-model', 'this machine shows no Vulkan device');
  const build = findGpuBuild(backend, engineDir);
  if (build === undefined)
    throw new EngineError('unsupported-model', `there is no ${backend} build of llama.cpp in ${engineDir}`);
  return loadLlama(build, isa, device);
}

/** Loads llama.cpp and the model in this process. @throws EngineError. */
export function openHost(options: LlamaTextLoad): Omit<TextHostOptions, 'send' | 'stepDelayMs'> {
  const {
    modelPath,
    adapterPaths,
    facts: file,
    files,
    kernels,
    kvType,
    valueType = kvType,
    flashAttention,
    kvUnified,
    sequences,
    threads,
  } = options;
  const library = openLibrary(options);
  assertUnchanged(files);
  const gpuLayers = placeLayers(library, options);
  const opened = openLlamaModel(library, modelPath, {
    ...{ repack: kernels === 'fast', adapterPaths, gpuLayers },
    ...{ expertsOnCpu: options.expertsOnCpu, cpuExperts: options.cpuExperts },
    ...{ tensorSplit: options.tensorSplit, pagedWeights: options.pagedWeights },
  });
  assertUnchanged(files);
  if (opened.isRecurrent) assertForgetsNothing(modelPath, kernels);
  const {
    answerFormat,
    thinking,
    tokenize: tokenizePrompt,
    usesTemplate,
  } = createPromptTokenizer(opened.vocabulary, {
    ...file,
    pictureMark: options.pictures?.mark,
  });
  const pictureToken = findPictureToken(opened.vocabulary, options.pictures?.mark);
  const llama = { ...opened, vocabulary: spellMarks(opened.vocabulary, answerFormat) };
  const batchSize = Math.max(options.batchSize ?? BATCH_ROWS, sequences, options.scoresTogether);
  const openModel = (shapes: ShapePolicy | undefined, path: KernelPath = kernels) =>
    createLlamaBatchModel(llama, {
      ...{
        kernels: path,
        kvType,
        valueType,
        flashAttention,
        kvUnified,
        threads,
        batchSize,
        shapes,
        pictureToken,
        hasGrids: file.hasGrids,
      },
      contextSize: options.contextSize,
    });
  const shapes = kernels === 'shaped' ? resolveShapes(options, openModel) : undefined;
  // A single pass has no room for guesses.
  const isSingle = shapes === 'single' || kernels === SINGLE_ROWS;
  const maxDrafts = isSingle || opened.isRecurrent ? 0 : options.drafts;
  const { vocabulary } = llama;
  const asked: NumericClass = {
    build: `llama.cpp-${LLAMA_VERSION}`,
    backend: library.backend,
    isa: isaClassOf(library.isa),
    kernels,
    weights: file.weightType,
    kv: valueType === kvType ? kvType : `${kvType}-${valueType}`,
    ...{ flashAttention, kvUnified },
    hasLanes: vocabulary.size >= LANED_VOCABULARY,
  };
  const prove = (parts: NumericClass): ProvenModel => {
    const opened = openModel(shapes, parts.kernels as KernelPath);
    // The probe alone would not do: it sees such a difference in few replies.
    const isPossible = mayBeExact(parts) && (kernels === 'shaped' || llama.hasReference) && !file.hasFloatLatents;
    return { numericClass: parts, model: opened, exact: isPossible && probeExactness(opened, { drafts: maxDrafts }) };
  };
  const first = prove(asked);
  // A machine that cannot reproduce tiled prompts or single rows serves the class without them.
  const usual = toUsualClass(asked);
  const { numericClass, model, exact } = first.exact || usual === asked ? first : prove(usual);
  const isUnproven = mayBeExact(numericClass) && !exact;
  // Elsewhere nobody has measured how far rows of a wider pass drift; passes of a shape class hold what their class says.
  const isShared = kernels !== 'shaped' && numericClass.kernels !== SINGLE_ROWS;
  const mayShare = options.scoresTogether > 1 && exact && isShared;
  const scoresTogether = mayShare && probeScoresTogether(model) ? options.scoresTogether : 1;
  const trace = probeTrace(model);
  // Elsewhere a layer's last addition is a part of the next layer's kernel, unless its rows are read, which changes bits.
  const showsEdges = trace && library.backend === 'cpu';
  const info: TextEngineInfo = {
    modelRoot: options.modelRoot,
    ...(options.parts.length > 0 && { modelParts: options.parts }),
    vocabularyHash: file.vocabularyHash,
    vocabularySize: vocabulary.size,
    stopTokens: Uint32Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) => model.isEnd(id)),
    embeddingSize: llama.embeddingSize,
    ...(pictureToken !== undefined && model.pictures && { pictureToken }),
    contextSize: options.contextSize,
    sequences,
    ...(scoresTogether > 1 && { scoresTogether }),
    numericClass: formatNumericClass({ ...numericClass, isUnproven }),
    ...(gpuLayers !== undefined && gpuLayers < llama.layers && { gpuLayers }),
    ...(showsEdges && { layers: llama.layers }),
    ...(shapes && { shapes }),
    exact,
    weightType: file.weightType,
    hasChatTemplate: file.chatTemplate !== undefined,
    answerFormat,
    ...(thinking && { thinking }),
    capabilities: { ...FULL_CAPABILITIES, exact, trace },
  };

  const { promptChunk, maxQueue, draftModelPath } = options;
  if (draftModelPath !== undefined && maxDrafts === 0)
    throw new EngineError(
      'unsupported-model',
      `${modelPath} takes no guesses, as its layers are recurrent or its passes single; leave the draft model out`,
    );
  const drafter = draftModelPath === undefined ? undefined : openDrafter(library, draftModelPath, options);
  const prefixCache = options.prefixCache && !opened.isRecurrent;
  return {
    model,
    info,
    tokenizePrompt,
    usesTemplate,
    maxDrafts,
    drafter,
    promptChunk,
    maxQueue,
    prefixCache,
    gatherMs: GATHER_MS,
  };
}

/** Returns the layers for the card: those that were named, or those that fit. @throws EngineError('not-enough-memory') */
function placeLayers(library: LlamaLibrary, options: LlamaTextLoad): number | undefined {
  const { gpuLayers, gpuMemory = Number.POSITIVE_INFINITY, modelPath, facts, draftModelPath } = options;
  if (gpuLayers !== undefined || library.readGpuMemory === undefined) return gpuLayers;
  const onCpu = patternOfCpuTensors(options);
  const sizes = readLayerSizes(modelPath, onCpu === undefined ? undefined : (name) => new RegExp(onCpu).test(name));
  // A draft model lies on the card as a whole.
  const draft =
    draftModelPath === undefined
      ? 0
      : estimateMemory(inspectModelFile(draftModelPath), {
          ...options,
          kvType: 'f16',
          valueType: 'f16',
          batchSize: BATCH_ROWS,
        }).total;
  return chooseGpuLayers(facts, sizes, options, Math.min(library.readGpuMemory(), gpuMemory) - draft);
}

/** @throws EngineError('unsupported-model') if the mark is not one token of this model. */
function findPictureToken(
  { tokenize }: Pick<PromptVocabulary, 'tokenize'>,
  mark: string | undefined,
): number | undefined {
  if (mark === undefined) return undefined;
  const [token, ...others] = tokenize(mark, { addSpecial: false, parseSpecial: true });
  if (token !== undefined && others.length === 0) return token;
  throw new EngineError('unsupported-model', `the encoder's mark ${mark} is no token of the language model`);
}

/**
 * Kernels that fill passes up with rows need a model that forgets them again.
 * @throws EngineError('unsupported-model')
 */
function assertForgetsNothing(path: string, kernels: KernelPath): void {
  if (kernels !== 'shaped' && !isPaddedPath(kernels)) return;
  throw new EngineError(
    'unsupported-model',
    `${path} has recurrent layers, which forget no single row; the exact kernels need that for float weights and on a GPU. ` +
      'Use quantised weights on the CPU, such as q8_0, or kernels that are not exact',
  );
}

/** A model whose passes stay in a numeric class, and whether this machine has shown that it reproduces the class. */
interface ProvenModel {
  readonly numericClass: NumericClass;
  readonly model: LocalModel;
  readonly exact: boolean;
}

function resolveShapes(
  { shapes, sequences }: Pick<LlamaTextLoad, 'shapes' | 'sequences'>,
  openModel: (shapes: ShapePolicy) => LocalModel,
): ShapePolicy {
  if (shapes !== 'auto') return shapes;
  const open = (policy: ShapePolicy, count: number) =>
    openModel(policy).createContext({ purpose: 'serve', sequences: count });
  return chooseShapes(open, { sequences, now: () => performance.now() });
}

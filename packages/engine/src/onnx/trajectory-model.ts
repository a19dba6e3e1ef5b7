import { join } from 'node:path';
import { inspectModelFolder } from '@ogong/models/model-folder';
import { boundModelUnits } from '@ogong/protocol/modality/trajectory/picture-size';
import { joinAnswers } from '@ogong/protocol/modality/trajectory/schedule/momentum';
import type { DenoiseRequest } from '../decode/trajectory/trajectory-calls.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { TrajectoryInfo } from '../interface/trajectory.ts';
import { assertUnchanged } from '../llama-cpp/verified-model.ts';
import type { DenoisingModel } from '../process/trajectory-host.ts';
import type { TextStates } from './families/family.ts';
import { findFamily } from './families/registry.ts';
import { zeroStates } from './families/states.ts';
import type { OnnxTrajectoryLoad } from './load-options.ts';
import { type EncodedPrompt, openPictureNetworks, type PictureNetworks } from './networks.ts';
import { formatOnnxClass, isExactOnnxClass, ONNX_VERSION, type OnnxClass, parseOnnxClass } from './numeric-class.ts';
import { readPictureFacts } from './picture-facts.ts';
import { toPixels, toPlanes } from './pixels.ts';
import { openPromptTokenizer, type PictureTokenizer } from './prompt-tokenizer.ts';
import { loadOnnxLibrary } from './runtime/sessions.ts';

/** Prompts whose states are kept: two for each picture in progress. */
const KEPT_PROMPTS = 8;
/** Pictures of more pixels than the model's own size need more memory and time; this is the most, as a multiple. */
const MOST_AREA = 4;

interface LoadedClass {
  readonly numericClass: OnnxClass;
  readonly networks: PictureNetworks;
  readonly texts: Map<string, TextStates>;
}

function encodePrompt(tokenizer: PictureTokenizer, prompt: string): EncodedPrompt {
  const ids = tokenizer.tokenize(prompt);
  return { ids: tokenizer.pad(ids), used: ids.length };
}

/** Loads a model of pictures in this process. @throws EngineError. */
export async function openTrajectoryModel(load: OnnxTrajectoryLoad): Promise<{
  readonly model: DenoisingModel;
  readonly info: TrajectoryInfo;
}> {
  const { modelPath, files, own } = load;
  assertUnchanged(files);
  const folder = inspectModelFolder(modelPath);
  const family = findFamily(folder);
  const facts = readPictureFacts(folder);
  const tokenizers = family.texts.map(({ tokenizer }, i) =>
    openPromptTokenizer(join(folder.path, tokenizer), facts.contextSizes[i] as number),
  );

  const openClass = async (numericClass: OnnxClass): Promise<LoadedClass> => {
    const runtime = load.runtimes.find(({ backend }) => backend === numericClass.backend);
    if (runtime === undefined) throw new EngineError('unsupported-model', `no runtime for ${numericClass.backend}`);
    assertUnchanged(files);
    const library = await loadOnnxLibrary(runtime);
    const networks = await openPictureNetworks({ folder, family, facts, library, threads: numericClass.threads });
    assertUnchanged(files);
    return { numericClass, networks, texts: new Map() };
  };

  const main = await openClass(own);
  /** Networks of the last claim in another class: at most one, so that memory is bounded. */
  let other: LoadedClass | undefined;
  const isOwn = (claimed: OnnxClass): boolean => formatOnnxClass(claimed) === formatOnnxClass(own);
  const isPossible = (claimed: OnnxClass): boolean =>
    claimed.version === ONNX_VERSION &&
    claimed.weights === own.weights &&
    isExactOnnxClass(claimed) &&
    load.runtimes.some(({ backend }) => backend === claimed.backend) &&
    (claimed.backend === 'wasm' ? claimed.threads === 1 : claimed.isa === load.nativeIsa);
  /** Finds the networks for a claim; those of the own class if the claim cannot be reproduced. */
  const findClass = async (text: string | undefined): Promise<LoadedClass> => {
    const claimed = text === undefined ? undefined : parseOnnxClass(text);
    if (claimed === undefined || isOwn(claimed) || !isPossible(claimed)) return main;
    if (other !== undefined && formatOnnxClass(other.numericClass) === text) return other;
    await other?.networks.free();
    other = undefined;
    other = await openClass(claimed);
    return other;
  };

  const encodeText = async ({ networks, texts }: LoadedClass, prompt: string): Promise<TextStates> => {
    const kept = texts.get(prompt);
    texts.delete(prompt);
    const states = kept ?? (await networks.encodeText(tokenizers.map((tokenizer) => encodePrompt(tokenizer, prompt))));
    texts.set(prompt, states);
    for (const oldest of texts.keys()) {
      if (texts.size <= KEPT_PROMPTS) break;
      texts.delete(oldest);
    }
    return states;
  };

  const shapeOf = ({ width, height }: { readonly width: number; readonly height: number }) => ({
    rows: height / facts.latentScale,
    columns: width / facts.latentScale,
  });

  const denoise = async (
    loaded: LoadedClass,
    { prompt, negativePrompt, guidance, both, timestep, input, ...size }: DenoiseRequest,
    isCancelled: () => boolean,
  ): Promise<Float32Array> => {
    const pass = async (text: string, isNegative = false): Promise<Float32Array> => {
      const encoded = await encodeText(loaded, text);
      const states = isNegative && text === '' && facts.zeroesEmpty ? zeroStates(encoded) : encoded;
      if (isCancelled()) throw new EngineError('cancelled', 'the step was cancelled');
      return loaded.networks.denoise(input, { ...shapeOf(size), timestep, text: states, guidance });
    };
    const positive = await pass(prompt);
    if ((guidance <= 1 && !both) || family.readsGuidance) return positive;
    const negative = await pass(negativePrompt, true);
    if (both) return joinAnswers(positive, negative);
    return negative.map((value, i) => value + guidance * ((positive[i] as number) - value));
  };

  const { size } = facts;
  const mostPixels = (main.networks.hasFixedSize ? 1 : MOST_AREA) * size.width * size.height;
  const info: TrajectoryInfo = {
    modelRoot: load.modelRoot,
    vocabularyHash: load.vocabularyHash,
    numericClass: formatOnnxClass(own),
    exact: isExactOnnxClass(own),
    weightType: facts.weightType,
    contextSize: boundModelUnits({ mostPixels }),
    sequences: 1,
    scheduler: facts.scheduler,
    ...{ latentChannels: facts.latentChannels, latentScale: facts.latentScale, sizeStep: facts.sizeStep, size },
    hasFixedSize: main.networks.hasFixedSize,
    mostPixels,
    ...{ steps: family.steps, guidance: family.guidance },
    canEdit: main.networks.encode !== undefined,
    hasNegative: !family.readsGuidance,
  };
  const model: DenoisingModel = {
    async denoise(request, isCancelled) {
      const loaded = await findClass(request.numericClass);
      const numericClass = formatOnnxClass(loaded.numericClass);
      const output = await denoise(loaded, request, isCancelled);
      const exact = isExactOnnxClass(loaded.numericClass) && (request.numericClass ?? numericClass) === numericClass;
      return { output, numericClass, exact };
    },
    async decode({ latent, numericClass, ...picture }) {
      const { networks } = await findClass(numericClass);
      return toPixels(await networks.decode(latent, shapeOf(picture)));
    },
    async encode({ pixels, numericClass: claimed, ...picture }) {
      const loaded = await findClass(claimed);
      const numericClass = formatOnnxClass(loaded.numericClass);
      const { encode } = loaded.networks;
      if (encode === undefined) throw new EngineError('invalid-request', 'the model has no encoder of pictures');
      const exact = isExactOnnxClass(loaded.numericClass) && (claimed ?? numericClass) === numericClass;
      return { latent: await encode(toPlanes(pixels), shapeOf(picture)), numericClass, exact };
    },
    tokenize: (prompt) => Uint32Array.from(tokenizers.flatMap((tokenizer) => tokenizer.tokenize(prompt))),
  };
  return { model, info };
}

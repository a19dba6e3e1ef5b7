import { join } from 'node:path';
import { MAX_REQUEST_BYTES } from '@ogong/protocol/exchange/limits';
import { EngineError } from '../../interface/engine-error.ts';
import type { TensorInfo, TensorRun } from '../../interface/tensor.ts';
import { assertUnchanged } from '../../llama-cpp/verified-model.ts';
import type { TensorModel } from '../../process/tensor-host.ts';
import { formatOnnxClass, isExactOnnxClass, ONNX_VERSION, type OnnxClass, parseOnnxClass } from '../numeric-class.ts';
import { loadOnnxLibrary, type OnnxSession, type OnnxTensor } from '../runtime/sessions.ts';
import { readSignature } from './read-signature.ts';
import type { OnnxTensorLoad } from './tensor-load.ts';
import { fromOnnxTensor, toOnnxTensor } from './tensor-values.ts';

interface LoadedClass {
  readonly numericClass: OnnxClass;
  readonly session: OnnxSession;
}

/** Loads a model of tensors in this process. @throws EngineError. */
export async function openTensorModel(load: OnnxTensorLoad): Promise<{
  readonly model: TensorModel;
  readonly info: TensorInfo;
}> {
  const { own } = load;
  const main = await openClass(load, own);
  /** The session of the last claim in another class: at most one, so that memory is bounded. */
  let other: LoadedClass | undefined;
  /** Finds the session for a claim; that of the own class if the claim cannot be reproduced. */
  const findClass = async (text: string | undefined): Promise<LoadedClass> => {
    const claimed = text === undefined ? undefined : parseOnnxClass(text);
    if (claimed === undefined || text === formatOnnxClass(own) || !isPossible(claimed, load)) return main;
    if (other !== undefined && formatOnnxClass(other.numericClass) === text) return other;
    await other?.session.free();
    other = undefined;
    other = await openClass(load, claimed);
    return other;
  };
  const { signature, hash } = readSignature(main.session);
  const info: TensorInfo = {
    modelRoot: load.modelRoot,
    vocabularyHash: hash,
    signature,
    numericClass: formatOnnxClass(own),
    exact: isExactOnnxClass(own),
    weightType: load.weightType,
    contextSize: MAX_REQUEST_BYTES,
    sequences: load.maxQueue,
  };
  const model: TensorModel = {
    async run(request) {
      const loaded = await findClass(request.numericClass);
      const numericClass = formatOnnxClass(loaded.numericClass);
      const exact = isExactOnnxClass(loaded.numericClass) && (request.numericClass ?? numericClass) === numericClass;
      return { outputs: await runSession(loaded.session, request), numericClass, exact };
    },
  };
  return { model, info };
}

async function openClass(load: OnnxTensorLoad, numericClass: OnnxClass): Promise<LoadedClass> {
  const { modelPath, file, externalFiles, files } = load;
  const runtime = load.runtimes.find(({ backend }) => backend === numericClass.backend);
  if (runtime === undefined) throw new EngineError('unsupported-model', `no runtime for ${numericClass.backend}`);
  assertUnchanged(files);
  const library = await loadOnnxLibrary(runtime);
  const network = { path: join(modelPath, file), externalFiles: externalFiles.map((name) => join(modelPath, name)) };
  const session = await library.open(network, { threads: numericClass.threads });
  assertUnchanged(files);
  return { numericClass, session };
}

const isPossible = (claimed: OnnxClass, { own, runtimes, nativeIsa }: OnnxTensorLoad): boolean =>
  claimed.version === ONNX_VERSION &&
  claimed.weights === own.weights &&
  isExactOnnxClass(claimed) &&
  runtimes.some(({ backend }) => backend === claimed.backend) &&
  (claimed.backend === 'wasm' ? claimed.threads === 1 : claimed.isa === nativeIsa);

async function runSession(session: OnnxSession, { inputs, outputs }: TensorRun) {
  const feeds = Object.fromEntries(inputs.map((input) => [input.name, toOnnxTensor(input)]));
  const results = await runNetwork(session, feeds, outputs);
  return outputs.map((name) => {
    const result = results[name];
    if (result === undefined) throw new EngineError('engine-crashed', `the network made no output ${name}`);
    return fromOnnxTensor(name, result);
  });
}

async function runNetwork(
  session: OnnxSession,
  feeds: Readonly<Record<string, OnnxTensor>>,
  outputs: readonly string[],
): Promise<Readonly<Record<string, OnnxTensor>>> {
  try {
    return await session.run(feeds, outputs);
  } catch (cause) {
    // The runtime's own message may show values of the inputs.
    throw new EngineError('invalid-request', 'the model refuses the inputs: their shapes or values do not fit it', {
      cause,
    });
  }
}

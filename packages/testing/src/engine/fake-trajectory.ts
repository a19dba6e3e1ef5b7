import { nativeHash } from '@ogong/engine/decode/native-hash';
import { createTrajectoryEngine } from '@ogong/engine/decode/trajectory/trajectory-engine';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TrajectoryEngine, TrajectoryInfo } from '@ogong/engine/interface/trajectory';
import { createRequestPort } from '@ogong/engine/process/request-port';
import { createTrajectoryHost, type DenoisingModel } from '@ogong/engine/process/trajectory-host';
import type { TrajectoryCall, TrajectoryResults } from '@ogong/engine/process/trajectory-messages';
import { boundModelUnits } from '@ogong/protocol/modality/trajectory/picture-size';
import { joinAnswers } from '@ogong/protocol/modality/trajectory/schedule/momentum';
import { readSchedulerConfig } from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';

export interface FakeTrajectoryOptions {
  /** Another number makes another model: other outputs, another root. */
  readonly weights?: number;
  /** Error of each value of an output: a similar model or another precision. */
  readonly error?: number;
  /** False: an engine that declares itself inexact. */
  readonly exact?: boolean;
  /** Fields of `scheduler_config.json`. Default: a flow-matching model. */
  readonly scheduler?: object;
  /** Pixels along one side. Default: 32. */
  readonly side?: number;
  readonly hasFixedSize?: boolean;
  /** Default: those of four pictures of its own size. */
  readonly mostPixels?: number;
  /** Default: true. */
  readonly canEdit?: boolean;
  /** Default: true. */
  readonly hasNegative?: boolean;
  /** Calls that wait at most. */
  readonly maxQueue?: number;
  /** Wraps the model, to inject faults. */
  readonly bend?: (model: DenoisingModel) => DenoisingModel;
}

const FIRST_BYTE = 3;
const MOST_TOKENS = 64;

/** Returns a number between -1 and 1 for each index, from the hash of a text. */
function hashText(text: string): (index: number) => number {
  const hash = nativeHash.sha256(Buffer.from(text));
  return (index) => ((hash[index % hash.length] as number) - 127.5) / 127.5;
}

/** A model of pictures that mixes latent, time and prompt by fixed factors, behind the same host as a real one: fast and exact. */
export function createFakeTrajectoryEngine(options: FakeTrajectoryOptions = {}): TrajectoryEngine {
  const { exact = true, weights = 1, side = 32, hasFixedSize = false, maxQueue = 8, bend = (model) => model } = options;
  const { canEdit = true, hasNegative = true, mostPixels = 4 * side * side } = options;
  const scheduler = readSchedulerConfig(
    options.scheduler ?? { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift: 1 },
  );
  const info: TrajectoryInfo = {
    modelRoot: nativeHash.sha256(Buffer.from(`ogong-fake-trajectory-${weights}`)),
    vocabularyHash: nativeHash.sha256(Buffer.from('ogong-fake-trajectory-vocabulary')),
    numericClass: `fake-1/js/f64/${exact ? 'exact' : 'fast'}/hash/kv-none`,
    exact,
    weightType: 'hash',
    contextSize: boundModelUnits({ mostPixels }),
    sequences: 1,
    scheduler,
    ...{ latentChannels: 4, latentScale: 4, sizeStep: 8, size: { width: side, height: side }, hasFixedSize },
    ...{ mostPixels, steps: 8, guidance: 3, canEdit, hasNegative },
  };
  const model = bend(createFakeModel(info, options));
  const port = createRequestPort();
  const host = createTrajectoryHost({ model, maxQueue, send: (message) => port.receive(message) });
  let closed = false;
  const call = async <K extends TrajectoryCall['kind']>(
    request: Extract<TrajectoryCall, { kind: K }>,
    signal?: AbortSignal,
  ): Promise<TrajectoryResults[K]> => {
    if (closed) throw new EngineError('engine-closed', 'the engine is closed');
    const cancel = (id: number) => host.cancel(id);
    return (await port.call((id) => host.call(id, request), { signal, cancel })) as TrajectoryResults[K];
  };
  return createTrajectoryEngine({
    info: () => info,
    denoise: (request, signal) => call({ kind: 'denoise', request }, signal),
    decode: (request, signal) => call({ kind: 'decode', request }, signal),
    encode: (request, signal) => call({ kind: 'encode', request }, signal),
    tokenize: (prompt) => call({ kind: 'tokenize', prompt }),
    async close() {
      if (closed) return;
      closed = true;
      port.failAll(new EngineError('engine-closed', 'the engine was closed'));
      host.close();
    },
  });
}

function createFakeModel(
  info: TrajectoryInfo,
  { weights = 1, error = 0, exact = true }: FakeTrajectoryOptions,
): DenoisingModel {
  const predict = (prompt: string, input: Float32Array, timestep: number): Float32Array => {
    const factor = hashText(`${weights}:${prompt}`);
    const errorOf = hashText(`${prompt}:${timestep}`);
    return input.map((value, i) => 0.5 * value + factor(i) + timestep / 4_096 + error * errorOf(i));
  };
  return {
    async denoise({ prompt, negativePrompt, guidance, both, timestep, input, numericClass = info.numericClass }) {
      const positive = predict(prompt, input, timestep);
      const guide = (negative: Float32Array): Float32Array =>
        both ? joinAnswers(positive, negative) : negative.map((n, i) => n + guidance * ((positive[i] as number) - n));
      const output = guidance > 1 || both ? guide(predict(negativePrompt, input, timestep)) : positive;
      return { output, numericClass: info.numericClass, exact: exact && numericClass === info.numericClass };
    },
    async decode({ latent, width, height }) {
      const { latentScale } = info;
      const columns = width / latentScale;
      const plane = columns * (height / latentScale);
      return Uint8Array.from({ length: width * height * 3 }, (_, at) => {
        const pixel = Math.floor(at / 3);
        const row = Math.floor(Math.floor(pixel / width) / latentScale);
        const value = latent[(at % 3) * plane + row * columns + Math.floor((pixel % width) / latentScale)] as number;
        return Math.round(Math.min(1, Math.max(0, value / 2 + 0.5)) * 255);
      });
    },
    // The mean of the pixels of each place; the fourth channel is empty.
    async encode({ pixels, width, height, numericClass = info.numericClass }) {
      const { latentScale, latentChannels } = info;
      const columns = width / latentScale;
      const plane = columns * (height / latentScale);
      const latent = new Float32Array(latentChannels * plane);
      for (let at = 0; at < pixels.length; at++) {
        const pixel = Math.floor(at / 3);
        const row = Math.floor(Math.floor(pixel / width) / latentScale);
        const to = (at % 3) * plane + row * columns + Math.floor((pixel % width) / latentScale);
        latent[to] = (latent[to] as number) + ((pixels[at] as number) / 255 - 0.5) * (2 / latentScale ** 2);
      }
      for (const at of latent.keys()) latent[at] = (latent[at] as number) + error * hashText(`${weights}`)(at);
      return { latent, numericClass: info.numericClass, exact: exact && numericClass === info.numericClass };
    },
    tokenize: (prompt) =>
      Uint32Array.from([...Buffer.from(prompt, 'utf8').subarray(0, MOST_TOKENS - 2)], (byte) => byte + FIRST_BYTE),
  };
}

import { setImmediate } from 'node:timers/promises';
import { nativeHash } from '@ogong/engine/decode/native-hash';
import { createTrajectoryEngine } from '@ogong/engine/decode/trajectory/trajectory-engine';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TrajectoryEngine, TrajectoryInfo } from '@ogong/engine/interface/trajectory';
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
}

const FIRST_BYTE = 3;
const CONTEXT = 64;

/** Returns a number between -1 and 1 for each index, from the hash of a text. */
function hashText(text: string): (index: number) => number {
  const hash = nativeHash.sha256(Buffer.from(text));
  return (index) => ((hash[index % hash.length] as number) - 127.5) / 127.5;
}

/** A model of pictures that mixes latent, time and prompt by fixed factors: fast and exact. */
export function createFakeTrajectoryEngine(options: FakeTrajectoryOptions = {}): TrajectoryEngine {
  const { weights = 1, error = 0, exact = true, side = 32, hasFixedSize = false } = options;
  const scheduler = readSchedulerConfig(
    options.scheduler ?? { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift: 1 },
  );
  const info: TrajectoryInfo = {
    modelRoot: nativeHash.sha256(Buffer.from(`ogong-fake-trajectory-${weights}`)),
    vocabularyHash: nativeHash.sha256(Buffer.from('ogong-fake-trajectory-vocabulary')),
    numericClass: `fake-1/js/f64/${exact ? 'exact' : 'fast'}/hash/kv-none`,
    exact,
    weightType: 'hash',
    contextSize: CONTEXT,
    sequences: 1,
    scheduler,
    ...{ latentChannels: 4, latentScale: 4, sizeStep: 8, size: { width: side, height: side }, hasFixedSize },
    ...{ mostPixels: 4 * side * side, steps: 8, guidance: 3, canEdit: false },
  };
  let closed = false;
  const enter = async (signal?: AbortSignal): Promise<void> => {
    await setImmediate();
    if (closed) throw new EngineError('engine-closed', 'the engine is closed');
    if (signal?.aborted) throw new EngineError('cancelled', 'the picture was cancelled');
  };
  const predict = (prompt: string, input: Float32Array, timestep: number): Float32Array => {
    const factor = hashText(`${weights}:${prompt}`);
    const errorOf = hashText(`${prompt}:${timestep}`);
    return input.map((value, i) => 0.5 * value + factor(i) + timestep / 4_096 + error * errorOf(i));
  };
  return createTrajectoryEngine({
    info: () => info,
    async denoise({ prompt, negativePrompt, guidance, timestep, input, numericClass = info.numericClass }, signal) {
      await enter(signal);
      const startedAt = performance.now();
      const output = predict(prompt, input, timestep);
      if (guidance > 1) {
        const negative = predict(negativePrompt, input, timestep);
        for (const [i, value] of negative.entries()) output[i] = value + guidance * ((output[i] as number) - value);
      }
      const isExact = exact && numericClass === info.numericClass;
      return {
        output,
        numericClass: info.numericClass,
        exact: isExact,
        elapsedMs: performance.now() - startedAt,
      };
    },
    async decode({ latent, width, height }, signal) {
      await enter(signal);
      const { latentScale } = info;
      const columns = width / latentScale;
      const plane = columns * (height / latentScale);
      const pixels = new Uint8Array(width * height * 3);
      for (let at = 0; at < pixels.length; at++) {
        const pixel = Math.floor(at / 3);
        const row = Math.floor(Math.floor(pixel / width) / latentScale);
        const value = latent[(at % 3) * plane + row * columns + Math.floor((pixel % width) / latentScale)] as number;
        pixels[at] = Math.round(Math.min(1, Math.max(0, value / 2 + 0.5)) * 255);
      }
      return pixels;
    },
    async tokenize(prompt) {
      await enter();
      return Uint32Array.from([...Buffer.from(prompt, 'utf8').subarray(0, CONTEXT - 2)], (byte) => byte + FIRST_BYTE);
    },
    async close() {
      closed = true;
    },
  });
}

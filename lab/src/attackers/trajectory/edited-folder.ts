import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mapOnnxWeights } from './onnx-weights.ts';

/** Formats that weights are rounded to. */
export const ROUNDINGS = ['f16', 'bf16', 'int8', 'int4'] as const;
export type Rounding = (typeof ROUNDINGS)[number];

/** Formats of weights of the denoiser, other settings of the schedule, and f16 weights of the encoder of pictures to change. */
export const FOLDER_EDITS = [...ROUNDINGS, 'schedule', 'encoder'] as const;
export type FolderEdit = (typeof FOLDER_EDITS)[number];

/** Weights that share one scale. */
const BLOCK = 32;

/** Rounds weights in place, as they are after they were stored in a smaller format. */
const ROUND: Readonly<Record<Rounding, (weights: Float32Array) => void>> = {
  f16: (weights) => weights.set(new Float16Array(weights)),
  bf16: roundToBf16,
  int8: (weights) => roundToIntegers(weights, 8),
  int4: (weights) => roundToIntegers(weights, 4),
};

/** Settings of a schedule with other times, by the name of the class in the file. */
const OTHER_SCHEDULES: Readonly<Record<string, object>> = {
  DDIMScheduler: { timestep_spacing: 'trailing' },
  FlowMatchEulerDiscreteScheduler: { shift: 3 },
};

/** Copies a model folder and changes it: weights, or its schedule. @returns the copy. */
export function writeEditedFolder(modelPath: string, edit: FolderEdit, copy: string): string {
  cpSync(modelPath, copy, { recursive: true });
  if (edit === 'schedule') {
    const path = join(copy, 'scheduler', 'scheduler_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as { readonly _class_name: string };
    writeFileSync(path, JSON.stringify({ ...config, ...OTHER_SCHEDULES[config._class_name] }));
    return copy;
  }
  if (edit === 'encoder') return roundNetwork(copy, join('vae_encoder', 'model.onnx'), 'f16');
  const denoiser = ['unet', 'transformer'].find((name) => existsSync(join(copy, name))) as string;
  return roundNetwork(copy, join(denoiser, 'model.onnx'), edit);
}

/** Copies a folder with an encoder of pictures, and rounds the weights of the encoder. @returns the copy. */
export function writeRoundedEncoder(modelPath: string, rounding: Rounding, copy: string): string {
  cpSync(modelPath, copy, { recursive: true });
  return roundNetwork(copy, join('onnx', 'vision_encoder.onnx'), rounding);
}

function roundNetwork(folder: string, file: string, rounding: Rounding): string {
  const path = join(folder, file);
  writeFileSync(path, mapOnnxWeights(readFileSync(path), ROUND[rounding]));
  return folder;
}

function roundToBf16(weights: Float32Array): void {
  const bits = new Uint32Array(weights.buffer, weights.byteOffset, weights.length);
  for (const [i, value] of bits.entries()) bits[i] = (value + 0x7fff + ((value >>> 16) & 1)) & 0xffff0000;
}

function roundToIntegers(weights: Float32Array, bits: number): void {
  const most = 2 ** (bits - 1) - 1;
  for (let from = 0; from < weights.length; from += BLOCK) {
    const block = weights.subarray(from, from + BLOCK);
    const scale = block.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / most || 1;
    for (const [i, value] of block.entries()) block[i] = Math.round(value / scale) * scale;
  }
}

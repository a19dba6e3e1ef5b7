import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { EngineError } from '../../interface/engine-error.ts';
import type { ModelFacts, ModelSizes } from '../model-file.ts';
import type { KvType } from '../numeric-class.ts';

/** Bytes that this process tree may still take: the machine's available memory, or the control group's limit if lower. */
export function readAvailableMemory(): number {
  const limits = [meminfoAvailable() ?? freemem()];
  const limit = readNumber('/sys/fs/cgroup/memory.max');
  const used = readNumber('/sys/fs/cgroup/memory.current');
  if (limit !== undefined && used !== undefined) limits.push(limit - used + (cgroupFileCache() ?? 0));
  return Math.max(0, Math.min(...limits));
}

/** A limit that the system sets to the data of this process (RLIMIT_DATA), in bytes. Mapped files do not count. */
interface DataLimit {
  readonly limit: number;
  readonly used: number;
}

/** Reads the limit of this process; undefined without one. */
export function readDataLimit(): DataLimit | undefined {
  const limit = /^Max data size +(\d+) /m.exec(readText('/proc/self/limits') ?? '');
  const used = /^VmData:\s+(\d+) kB/m.exec(readText('/proc/self/status') ?? '');
  return limit === null || used === null ? undefined : { limit: Number(limit[1]), used: Number(used[1]) * 1024 };
}

/** Ends the message of a failed load; empty without a limit. */
export function describeDataLimit(): string {
  const data = readDataLimit();
  if (data === undefined) return '';
  const mib = (bytes: number): number => Math.floor(bytes / 2 ** 20);
  return `; the system allows this process ${mib(data.limit)} MiB of data, and ${mib(data.used)} MiB are in use`;
}

function meminfoAvailable(): number | undefined {
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(readText('/proc/meminfo') ?? '');
  return match === null ? undefined : Number(match[1]) * 1024;
}

/** Pages of files count as used in the group, but the system frees them on demand. Memory-mapped weights are such pages. */
function cgroupFileCache(): number | undefined {
  const match = /^file (\d+)/m.exec(readText('/sys/fs/cgroup/memory.stat') ?? '');
  return match === null ? undefined : Number(match[1]);
}

function readNumber(path: string): number | undefined {
  const text = readText(path)?.trim();
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Bytes per value, against f16's. */
const KV_SCALE: Readonly<Record<KvType, number>> = { f32: 2, f16: 1, q8_0: 34 / 64, q4_0: 18 / 64 };
const QUANTISED_BLOCK = 32;

/** Rows of a prompt pass under exact kernels; larger passes gain nothing on a CPU. */
export const BATCH_ROWS = 256;

/** Facts of a model, or of a segment of one, on which its memory depends. */
type MemoryFacts = Pick<ModelFacts, 'path' | 'embeddingSize' | 'vocabularySize' | keyof ModelSizes> &
  Partial<Pick<ModelFacts, 'poolingCode'>>;

interface ContextShape {
  readonly contextSize: number;
  readonly sequences: number;
  readonly batchSize: number;
  readonly kvType?: KvType;
}

/** @throws EngineError('unsupported-model') if the KV cache cannot be quantised so. */
export function assertKvType({ path, keySize, valueSize }: MemoryFacts, kvType: KvType, flashAttention: boolean): void {
  if (kvType === 'f16' || kvType === 'f32') return;
  if (!flashAttention)
    throw new EngineError('unsupported-model', `a KV cache of type ${kvType} needs flash attention; turn it on`);
  if (keySize % QUANTISED_BLOCK === 0 && valueSize % QUANTISED_BLOCK === 0) return;
  throw new EngineError(
    'unsupported-model',
    `a KV cache of type ${kvType} needs head sizes divisible by ${QUANTISED_BLOCK}; ${path} has keys of ${keySize} and values of ${valueSize}: use f16 or f32`,
  );
}

/** Weights, KV cache and states for all sequences, and the activations and outputs of the largest pass. */
export function estimateMemory(
  file: MemoryFacts,
  { contextSize, sequences, batchSize, kvType = 'f16' }: ContextShape,
): { weights: number; kv: number; compute: number; total: number } {
  const positions = Math.ceil(contextSize / 256) * 256;
  const kv = (file.kvBytesPerPosition * KV_SCALE[kvType] * positions + file.stateBytesPerSequence) * sequences;
  // A pass may want every row's logits: the graph holds them once, and what the engine reads holds them again.
  const logitRows = file.poolingCode === undefined ? batchSize : sequences;
  const compute =
    64 * 2 ** 20 +
    batchSize * (file.embeddingSize * 4 * 24 + contextSize * 4) +
    2 * logitRows * file.vocabularySize * 4;
  return { weights: file.weightBytes, kv, compute, total: file.weightBytes + kv + compute };
}

/** @throws EngineError('not-enough-memory') that says what would fit. */
export function assertFitsMemory(file: MemoryFacts, shape: ContextShape, available: number): void {
  const need = estimateMemory(file, shape);
  if (need.total <= available) return;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const perPosition = file.kvBytesPerPosition * KV_SCALE[shape.kvType ?? 'f16'] * shape.sequences;
  const states = file.stateBytesPerSequence * shape.sequences;
  const positions = Math.floor((available - need.weights - need.compute - states) / perPosition / 256) * 256;
  const advice =
    // Without a cache no shorter context helps.
    perPosition > 0 && positions >= 256
      ? `a context of ${positions} positions per sequence would fit`
      : need.weights + need.compute > available
        ? `the weights alone do not fit: use a smaller quantisation (at most ${mib(Math.max(0, available - need.compute - need.kv))}) or a machine with more memory`
        : 'use fewer sequences or a smaller quantisation';
  throw new EngineError(
    'not-enough-memory',
    `${file.path} needs about ${mib(need.total)} (weights ${mib(need.weights)}, KV cache ${mib(need.kv)} for ${shape.sequences} x ${shape.contextSize} positions) and ${mib(available)} are free; ${advice}`,
  );
}

import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { EngineError } from '../../interface/engine-error.ts';
import type { ModelFacts, ModelSizes } from '../model-file.ts';
import type { KvType } from '../numeric-class.ts';
import { readGroupRoom } from './control-groups.ts';

/** Memory that an engine may take, and the limit that it comes from. */
export interface MemoryRoom {
  readonly bytes: number;
  /** Follows the size in a sentence: `are free`. */
  readonly cause: string;
  /** An advice that raises this limit. */
  readonly remedy?: string;
}

/** A number is memory of the machine. */
export type GivenMemory = number | MemoryRoom;

export const toMemoryRoom = (given: GivenMemory | undefined): MemoryRoom => {
  if (given === undefined) return readMemoryRoom();
  return typeof given === 'number' ? { bytes: given, cause: 'are free' } : given;
};

/** Reads the memory that this process tree may still take: the least of the machine's and of what the system allows it. */
export function readMemoryRoom(): MemoryRoom {
  const group = readGroupRoom(readText);
  const data = readDataLimit();
  const rooms: readonly MemoryRoom[] = [
    { bytes: meminfoAvailable() ?? freemem(), cause: 'are free' },
    ...(group === undefined
      ? []
      : [{ bytes: group, cause: 'are left under the memory limit of its control group', remedy: 'raise that limit' }]),
    ...(data === undefined
      ? []
      : [
          {
            bytes: data.limit - data.used,
            cause: "are left under the system's limit of data (ulimit -d)",
            remedy: 'raise that limit',
          },
        ]),
  ];
  const least = rooms.reduce((a, b) => (b.bytes < a.bytes ? b : a));
  return { ...least, bytes: Math.max(0, least.bytes) };
}

/** Bytes that this process tree may still take. */
export const readAvailableMemory = (): number => readMemoryRoom().bytes;

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

/** The sizes of a context on which its memory depends. */
export interface ContextShape {
  readonly contextSize: number;
  readonly sequences: number;
  readonly batchSize: number;
  readonly kvType?: KvType | undefined;
  /** Type of values. Default: that of keys. */
  readonly valueType?: KvType | undefined;
}

/** Bytes of a cached row, against one of f16. */
function scaleCache({ keySize, valueSize }: MemoryFacts, { kvType = 'f16', valueType = kvType }: ContextShape): number {
  const values = keySize + valueSize;
  return values === 0 ? KV_SCALE[kvType] : (KV_SCALE[kvType] * keySize + KV_SCALE[valueType] * valueSize) / values;
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
  shape: ContextShape,
): { weights: number; kv: number; compute: number; total: number } {
  const { contextSize, sequences, batchSize } = shape;
  const positions = Math.ceil(contextSize / 256) * 256;
  const kv = (file.kvBytesPerPosition * scaleCache(file, shape) * positions + file.stateBytesPerSequence) * sequences;
  // A pass may want every row's logits: the graph holds them once, and what the engine reads holds them again.
  const logitRows = file.poolingCode === undefined ? batchSize : sequences;
  const compute =
    64 * 2 ** 20 +
    batchSize * (file.embeddingSize * 4 * 24 + contextSize * 4) +
    2 * logitRows * file.vocabularySize * 4;
  return { weights: file.weightBytes, kv, compute, total: file.weightBytes + kv + compute };
}

/** @throws EngineError('not-enough-memory') that names the limit, and says what would fit. */
export function assertFitsMemory(file: MemoryFacts, shape: ContextShape, given: GivenMemory | undefined): void {
  const need = estimateMemory(file, shape);
  const room = toMemoryRoom(given);
  if (need.total <= room.bytes) return;
  const advice = adviseSmaller(file, shape, room);
  throw new EngineError(
    'not-enough-memory',
    `${file.path} needs about ${mib(need.total)} (weights ${mib(need.weights)}, KV cache ${mib(need.kv)} for ${shape.sequences} x ${shape.contextSize} positions, buffers ${mib(need.compute)}) and ${mib(room.bytes)} ${room.cause}; ${room.remedy === undefined ? '' : `${room.remedy}, or `}${advice}`,
  );
}

const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** Says which change would make a model fit. */
function adviseSmaller(file: MemoryFacts, shape: ContextShape, { bytes, remedy }: MemoryRoom): string {
  const { weights, kv, compute } = estimateMemory(file, shape);
  const perPosition = file.kvBytesPerPosition * scaleCache(file, shape) * shape.sequences;
  const states = file.stateBytesPerSequence * shape.sequences;
  const positions = Math.floor((bytes - weights - compute - states) / perPosition / 256) * 256;
  // Without a cache no shorter context helps.
  if (perPosition > 0 && positions >= 256) return `a context of ${positions} positions per sequence would fit`;
  const machine = remedy === undefined ? ' or a machine with more memory' : '';
  if (weights > bytes) {
    const most = bytes - compute - kv;
    return `the weights alone do not fit: use a smaller quantisation${most > 0 ? ` (at most ${mib(most)})` : ''}${machine}`;
  }
  if (kv + compute > bytes) return `KV cache and buffers alone do not fit: use a smaller model${machine}`;
  return shape.sequences > 1 ? 'use fewer sequences or a smaller quantisation' : `use a smaller quantisation${machine}`;
}

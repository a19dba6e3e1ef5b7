import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { EngineError } from '../engine.ts';
import type { ModelFile } from './model-file.ts';

/** Bytes that this process tree may still take: the machine's available memory, or the control group's limit if lower. */
export function readAvailableMemory(): number {
  const limits = [meminfoAvailable() ?? freemem()];
  const limit = readNumber('/sys/fs/cgroup/memory.max');
  const used = readNumber('/sys/fs/cgroup/memory.current');
  if (limit !== undefined && used !== undefined) limits.push(limit - used + (cgroupFileCache() ?? 0));
  return Math.max(0, Math.min(...limits));
}

function meminfoAvailable(): number | undefined {
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(readText('/proc/meminfo') ?? '');
  return match === null ? undefined : Number(match[1]) * 1024;
}

/** File pages count as used in the group but are given back on demand; memory-mapped weights are such pages. */
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

/** Weights, KV cache for all sequences, and the activations and outputs of the largest pass. */
export function estimateMemory(
  file: ModelFile,
  { contextSize, sequences, batchSize }: { contextSize: number; sequences: number; batchSize: number },
): { weights: number; kv: number; compute: number; total: number } {
  const kv = file.kvBytesPerPosition * Math.ceil(contextSize / 256) * 256 * sequences;
  const compute =
    64 * 2 ** 20 +
    batchSize * (file.embeddingSize * 4 * 24 + contextSize * 4) +
    2 * sequences * file.vocabularySize * 4;
  return { weights: file.weightBytes, kv, compute, total: file.weightBytes + kv + compute };
}

/** @throws EngineError('not-enough-memory') that says what would fit. */
export function assertFitsMemory(
  file: ModelFile,
  shape: { contextSize: number; sequences: number; batchSize: number },
  available: number,
): void {
  const need = estimateMemory(file, shape);
  if (need.total <= available) return;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const perPosition = file.kvBytesPerPosition * shape.sequences;
  const positions = Math.floor((available - need.weights - need.compute) / perPosition / 256) * 256;
  const advice =
    positions >= 256
      ? `a context of ${positions} positions per sequence would fit`
      : need.weights + need.compute > available
        ? `the weights alone do not fit: use a smaller quantisation (at most ${mib(Math.max(0, available - need.compute - need.kv))}) or a machine with more memory`
        : 'use fewer sequences or a smaller quantisation';
  throw new EngineError(
    'not-enough-memory',
    `${file.path} needs about ${mib(need.total)} (weights ${mib(need.weights)}, KV cache ${mib(need.kv)} for ${shape.sequences} x ${shape.contextSize} positions) and ${mib(available)} are free; ${advice}`,
  );
}

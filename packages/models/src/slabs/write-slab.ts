import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { computeTensorBytes } from '../gguf/types.ts';
import { encodeGguf, type GgufTensorSource } from '../gguf/write.ts';
import type { SlabPlan, SlabTensor } from './plan-slabs.ts';
import type { TensorReader } from './source-model.ts';

/** Content of a slab file. */
export interface SlabDigest {
  /** 32 bytes. */
  readonly sha256: Uint8Array;
  readonly sizeBytes: number;
}

export interface SlabProgress {
  /** Called for each piece with the bytes so far. */
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const ZEROS = new Uint8Array(2 ** 20);

/** Yields the bytes of a slab's file. A piece is valid until the next one. @throws GgufError, or the file system's error. */
export function encodeSlab({ metadata, tensors }: SlabPlan, reader: TensorReader): Iterable<Uint8Array> {
  return encodeGguf({ metadata, tensors: tensors.map((tensor) => toSource(tensor, reader)) });
}

function toSource(tensor: SlabTensor, reader: TensorReader): GgufTensorSource {
  const { name, dimensions, type, source } = tensor;
  return {
    ...{ name, dimensions, type },
    read: () => (source === undefined ? yieldZeros(computeTensorBytes(tensor) ?? 0) : reader.read(source)),
  };
}

function* yieldZeros(count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= ZEROS.length) yield left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS;
}

/** Computes hash and size of a slab without writing it. */
export const hashSlab = (plan: SlabPlan, reader: TensorReader, progress: SlabProgress = {}): SlabDigest =>
  digest(encodeSlab(plan, reader), progress);

/** Writes a slab to a file that it replaces. Long runs of zeros become holes. */
export function writeSlab(path: string, plan: SlabPlan, reader: TensorReader, progress: SlabProgress = {}): SlabDigest {
  const file = openSync(path, 'w');
  try {
    const written = digest(encodeSlab(plan, reader), progress, (piece, position) => {
      if (piece !== ZEROS) writeFully(file, piece, position);
    });
    ftruncateSync(file, written.sizeBytes);
    fsyncSync(file);
    return written;
  } finally {
    closeSync(file);
  }
}

function writeFully(file: number, piece: Uint8Array, position: number): void {
  for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at, piece.length - at, position + at);
}

function digest(
  pieces: Iterable<Uint8Array>,
  { onBytes, signal }: SlabProgress,
  onPiece?: (piece: Uint8Array, position: number) => void,
): SlabDigest {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for (const piece of pieces) {
    signal?.throwIfAborted();
    onPiece?.(piece, sizeBytes);
    hash.update(piece);
    sizeBytes += piece.length;
    onBytes?.(sizeBytes);
  }
  return { sha256: new Uint8Array(hash.digest()), sizeBytes };
}

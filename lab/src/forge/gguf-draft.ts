import { closeSync, openSync, readSync } from 'node:fs';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { computeTensorBytes, type GgufTensor, type GgufValue, numberOf, stringOf } from '@ogong/models/gguf/types';
import { writeGguf } from '@ogong/models/gguf/write';

const F32 = 0;

export interface FloatTensor {
  readonly name: string;
  /** ggml order: the first is the contiguous one. */
  readonly dimensions: readonly number[];
  /** Called when the tensor is written, so that the model need not fit into memory. */
  readonly read: () => Float32Array;
}

/** A model before it is written: metadata and f32 tensors. Functions from draft to draft change it. */
export interface GgufDraft {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly FloatTensor[];
}

/** @throws TypeError if a tensor is not f32, because values must not be rounded before they are changed. */
export function openDraft(path: string): GgufDraft {
  const { metadata, tensors, dataOffset } = readGgufHeader(path);
  return {
    metadata,
    tensors: tensors.map((tensor) => {
      if (tensor.type !== F32) throw new TypeError(`${path}: ${tensor.name} is not f32; models are forged from f32`);
      return {
        name: tensor.name,
        dimensions: tensor.dimensions,
        read: () => readFloats(path, tensor, dataOffset),
      };
    }),
  };
}

function readFloats(path: string, tensor: GgufTensor, dataOffset: number): Float32Array {
  const bytes = new Uint8Array(computeTensorBytes(tensor) as number);
  const file = openSync(path, 'r');
  try {
    for (let filled = 0; filled < bytes.length; ) {
      const read = readSync(file, bytes, filled, bytes.length - filled, dataOffset + tensor.offset + filled);
      if (read === 0) throw new TypeError(`${path} ends inside ${tensor.name}`);
      filled += read;
    }
  } finally {
    closeSync(file);
  }
  return new Float32Array(bytes.buffer);
}

export function writeDraft(path: string, { metadata, tensors }: GgufDraft): void {
  writeGguf(path, {
    metadata,
    tensors: tensors.map(({ name, dimensions, read }) => ({
      name,
      dimensions,
      type: F32,
      read: () => {
        const { buffer, byteOffset, byteLength } = read();
        return [new Uint8Array(buffer, byteOffset, byteLength)];
      },
    })),
  });
}

/** A number of the model's architecture, such as `block_count`. @throws TypeError if it is absent. */
export function shapeOf({ metadata }: GgufDraft, key: string): number {
  const value = numberOf(metadata, shapeKey({ metadata }, key));
  if (value === undefined) throw new TypeError(`the model does not say its ${key}`);
  return value;
}

export function withShape<T extends GgufDraft>(draft: T, key: string, value: number): T {
  const metadata = new Map(draft.metadata).set(shapeKey(draft, key), { type: 'u32', value });
  return { ...draft, metadata };
}

const shapeKey = ({ metadata }: Pick<GgufDraft, 'metadata'>, key: string): string =>
  `${stringOf(metadata, 'general.architecture')}.${key}`;

const BLOCK = /^blk\.(\d+)\.(.+)$/;

/** Returns a tensor's layer, and its name within it. */
export function layerOf(name: string): { readonly layer: number; readonly part: string } | undefined {
  const match = BLOCK.exec(name);
  return match === null ? undefined : { layer: Number(match[1]), part: match[2] as string };
}

/** Replaces the values of every tensor for which `change` returns some. */
export function mapValues(
  draft: GgufDraft,
  change: (tensor: FloatTensor, index: number) => ((values: Float32Array) => Float32Array) | undefined,
): GgufDraft {
  return {
    ...draft,
    tensors: draft.tensors.map((tensor, index) => {
      const apply = change(tensor, index);
      return apply === undefined ? tensor : { ...tensor, read: () => apply(tensor.read()) };
    }),
  };
}

import { closeSync, openSync, readSync } from 'node:fs';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { computeTensorBytes } from '@ogong/models/gguf/types';
import { writeGguf } from '@ogong/models/gguf/write';

const F32 = 0;
const Q8_0 = 8;
const Q8_BLOCK_BYTES = 34;

/**
 * Copies a GGUF model with small noise in one tensor. In an f32 tensor every value grows by a thousandth. In a q8_0 tensor
 * one value of each block moves by one step. For experiments that need a model that is wrong in a known place.
 * @throws RangeError if there is no such tensor, or it has another type.
 */
export function writeNoisyModel(
  source: string,
  target: string,
  { tensor: name, seed }: { readonly tensor: string; readonly seed: number },
): void {
  const { metadata, tensors, dataOffset } = readGgufHeader(source);
  const chosen = tensors.find((tensor) => tensor.name === name);
  if (chosen === undefined || (chosen.type !== F32 && chosen.type !== Q8_0)) {
    throw new RangeError(`${source} has no tensor ${name} of type f32 or q8_0`);
  }
  const file = openSync(source, 'r');
  try {
    const read = (tensor: (typeof tensors)[number]): Uint8Array => {
      const bytes = new Uint8Array(computeTensorBytes(tensor) ?? 0);
      if (readSync(file, bytes, 0, bytes.length, dataOffset + tensor.offset) !== bytes.length) {
        throw new RangeError(`${source} ends inside tensor ${tensor.name}`);
      }
      return bytes;
    };
    writeGguf(target, {
      metadata,
      tensors: tensors.map((tensor) => ({
        name: tensor.name,
        dimensions: tensor.dimensions,
        type: tensor.type,
        read: () => [tensor === chosen ? addNoise(read(tensor), tensor.type, seed) : read(tensor)],
      })),
    });
  } finally {
    closeSync(file);
  }
}

function addNoise(bytes: Uint8Array, type: number, seed: number): Uint8Array {
  const view = new DataView(bytes.buffer);
  if (type === F32) {
    for (let at = 0; at < bytes.length; at += 4) view.setFloat32(at, view.getFloat32(at, true) * 1.001, true);
    return bytes;
  }
  let state = seed | 1;
  for (let block = 0; block < bytes.length; block += Q8_BLOCK_BYTES) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // After the block's scale, an f16.
    const at = block + 2 + ((state >>> 8) & 31);
    const value = view.getInt8(at);
    view.setInt8(at, value > 0 ? value - 1 : value + 1);
  }
  return bytes;
}

import { closeSync, openSync, readSync } from 'node:fs';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { computeTensorBytes, type GgufValue } from '@ogong/models/gguf/types';
import { writeGguf } from '@ogong/models/gguf/write';

const BLOCK = /^blk\.(\d+)\./;
const COUNT = /\.block_count$/;

/**
 * Copies a GGUF model without its blocks from number `layers` on. A software device takes as long for a pass as there are blocks, and
 * the kernels of one block are those of all others.
 * @throws RangeError if the model has fewer blocks, or a tensor of unknown size.
 */
export function writeShallowModel(source: string, target: string, { layers }: { readonly layers: number }): void {
  const { metadata, tensors, dataOffset } = readGgufHeader(source);
  const count = [...metadata].find(([key]) => COUNT.test(key))?.[1].value;
  if (typeof count !== 'number' || count < layers) throw new RangeError(`${source} has fewer than ${layers} blocks`);
  const file = openSync(source, 'r');
  try {
    writeGguf(target, {
      metadata: new Map(
        [...metadata].map(([key, value]): [string, GgufValue] => [
          key,
          COUNT.test(key) ? { type: 'u32', value: layers } : value,
        ]),
      ),
      tensors: tensors
        .filter(({ name }) => Number(BLOCK.exec(name)?.[1] ?? 0) < layers)
        .map((tensor) => ({
          name: tensor.name,
          dimensions: tensor.dimensions,
          type: tensor.type,
          read: () => {
            const bytes = new Uint8Array(computeTensorBytes(tensor) ?? 0);
            if (readSync(file, bytes, 0, bytes.length, dataOffset + tensor.offset) !== bytes.length) {
              throw new RangeError(`${source} ends inside tensor ${tensor.name}`);
            }
            return [bytes];
          },
        })),
    });
  } finally {
    closeSync(file);
  }
}

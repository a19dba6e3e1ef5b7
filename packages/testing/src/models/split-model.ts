import { closeSync, openSync, readSync } from 'node:fs';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { computeTensorBytes, type GgufValue } from '@ogong/models/gguf/types';
import { writeGguf } from '@ogong/models/gguf/write';

/**
 * Splits a GGUF model into files as llama.cpp's tool does. The first has all metadata, and each has its number. Tensors
 * keep their order.
 * @param stem path without `-00001-of-0000N.gguf`.
 * @returns paths, in order.
 */
export function writeSplitModel(source: string, stem: string, count: number): string[] {
  const { metadata, tensors, dataOffset } = readGgufHeader(source);
  const file = openSync(source, 'r');
  try {
    return Array.from({ length: count }, (_, index) => {
      const own: [string, GgufValue][] = [
        ['split.no', { type: 'u16', value: index }],
        ['split.count', { type: 'u16', value: count }],
        ['split.tensors.count', { type: 'i32', value: tensors.length }],
      ];
      const path = `${stem}-${pad(index + 1)}-of-${pad(count)}.gguf`;
      const part = tensors.slice(
        Math.floor((tensors.length * index) / count),
        Math.floor((tensors.length * (index + 1)) / count),
      );
      writeGguf(path, {
        metadata: new Map([...(index === 0 ? metadata : []), ...own]),
        tensors: part.map((tensor) => ({
          ...{ name: tensor.name, dimensions: tensor.dimensions, type: tensor.type },
          read: () => {
            const bytes = new Uint8Array(computeTensorBytes(tensor) ?? 0);
            readSync(file, bytes, 0, bytes.length, dataOffset + tensor.offset);
            return [bytes];
          },
        })),
      });
      return path;
    });
  } finally {
    closeSync(file);
  }
}

const pad = (number: number): string => String(number).padStart(5, '0');

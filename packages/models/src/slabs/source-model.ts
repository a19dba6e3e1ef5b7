import { closeSync, openSync, readSync } from 'node:fs';
import { assertWholeGguf } from '../gguf/check.ts';
import { readGgufEntries, readGgufHeader } from '../gguf/read.ts';
import { computeTensorBytes, GgufError, type GgufTensor, type GgufValue } from '../gguf/types.ts';
import { listShards } from '../model-root.ts';

/** A tensor of a model, with the file that holds it. */
export interface SourceTensor extends Omit<GgufTensor, 'offset'> {
  /** Index of its file among those of the model. */
  readonly file: number;
  /** Byte of that file where its data begin. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Headers of a model that is to be cut: one GGUF file, or all shards of one. */
export interface SourceModel {
  /** Files, in order. */
  readonly paths: readonly string[];
  /** Values by key, of the first file. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Bytes of each entry. */
  readonly entries: ReadonlyMap<string, Uint8Array>;
  readonly tensors: readonly SourceTensor[];
}

/** @param path of the model, or of its first shard. @throws GgufError, ModelError, or the file system's error. */
export function readSourceModel(path: string): SourceModel {
  const paths = listShards(path);
  if (paths[0] !== path) throw new GgufError(`this is a later file of a split model; open the first: ${paths[0]}`);
  const { header, entries } = readGgufEntries(path);
  const tensors = paths.flatMap((each, file) => {
    const { tensors, dataOffset } = file === 0 ? header : readGgufHeader(each);
    assertWholeGguf(each);
    return tensors.map((tensor): SourceTensor => {
      const sizeBytes = computeTensorBytes(tensor);
      if (sizeBytes === undefined || !Number.isSafeInteger(sizeBytes))
        throw new GgufError(`${each} has a tensor ${tensor.name} of type ${tensor.type}, whose size is not known`);
      return { ...tensor, file, offset: dataOffset + tensor.offset, sizeBytes };
    });
  });
  return { paths, metadata: header.metadata, entries, tensors };
}

const PIECE_BYTES = 4 * 2 ** 20;

/** Reads tensors of a model's files. Close it after use. */
export interface TensorReader {
  /** Yields a tensor's bytes; a piece is valid until the next one. @throws GgufError if the file ends inside the tensor. */
  read(tensor: SourceTensor): Iterable<Uint8Array>;
  close(): void;
}

export function openTensorReader({ paths }: Pick<SourceModel, 'paths'>): TensorReader {
  const files = new Map<number, number>();
  const open = (index: number): number => {
    const file = files.get(index) ?? openSync(paths[index] as string, 'r');
    files.set(index, file);
    return file;
  };
  const buffer = new Uint8Array(PIECE_BYTES);
  return {
    *read({ name, file, offset, sizeBytes }) {
      for (let at = 0; at < sizeBytes; ) {
        const count = readSync(open(file), buffer, 0, Math.min(PIECE_BYTES, sizeBytes - at), offset + at);
        if (count === 0) throw new GgufError(`${paths[file]} ends inside the tensor ${name}`);
        yield buffer.subarray(0, count);
        at += count;
      }
    },
    close() {
      for (const file of files.values()) closeSync(file);
    },
  };
}

import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import { type FolderFiles, MOST_BYTES } from '../folder-files.ts';
import { ModelError } from '../model-error.ts';
import { WEIGHTS_FILE, WEIGHTS_INDEX } from '../transformers-folder.ts';
import {
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  parseSafetensorsHeader,
  SafetensorsError,
  type SafetensorsTensor,
} from './header.ts';

const SHARD_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.safetensors$/;
const MAX_SHARDS = 512;
const PIECE_BYTES = 4 * 2 ** 20;

/** A tensor of a model, with the file that holds it. */
export interface WeightTensor {
  readonly name: string;
  readonly dtype: string;
  /** The last size is the contiguous one. */
  readonly shape: readonly number[];
  /** Of its file. */
  readonly path: string;
  /** Byte of that file where its data begin. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Tensors of a model in safetensors. Close it after use. */
export interface WeightFiles {
  readonly tensors: ReadonlyMap<string, WeightTensor>;
  /**
   * Yields bytes of a tensor; a piece is valid until the next one of this or another read.
   * @param from,to bytes from the beginning of the tensor. @throws ModelError('corrupt') if the file ends inside the tensor.
   */
  read(tensor: WeightTensor, from?: number, to?: number): Iterable<Uint8Array>;
  close(): void;
}

/**
 * Opens the only file with weights, or the shards of the index. Only their headers are read.
 * @throws ModelError `not-found` without them, `corrupt` for files that break a rule, or that the index does not describe.
 */
export function openWeightFiles(folder: FolderFiles): WeightFiles {
  const index = existsSync(join(folder.path, WEIGHTS_INDEX)) ? readIndex(folder) : undefined;
  const tensors = new Map<string, WeightTensor>();
  for (const file of index?.files ?? [WEIGHTS_FILE]) {
    folder.take(file, MOST_BYTES.weights);
    const path = join(folder.path, file);
    for (const tensor of readHeader(path)) {
      if (tensors.has(tensor.name)) throw corrupt(`${path} repeats the tensor ${tensor.name.slice(0, 100)}`);
      tensors.set(tensor.name, tensor);
    }
  }
  if (index !== undefined) assertIndexed(index.places, tensors, folder.path);
  return { tensors, ...createReader() };
}

const corrupt = (message: string, cause?: unknown): ModelError => new ModelError('corrupt', message, { cause });

interface WeightIndex {
  /** File names by names of tensors. */
  readonly places: ReadonlyMap<string, string>;
  readonly files: readonly string[];
}

function readIndex(folder: FolderFiles): WeightIndex {
  const { weight_map: map } = folder.readConfig(WEIGHTS_INDEX);
  const path = join(folder.path, WEIGHTS_INDEX);
  if (typeof map !== 'object' || map === null) throw corrupt(`${path} has no weight_map`);
  const places = new Map(Object.entries(map));
  const files = [...new Set(places.values())];
  const wrong = files.find((file) => typeof file !== 'string' || !SHARD_NAME.test(file));
  if (wrong !== undefined) throw corrupt(`${path} names a file that does not lie beside it as *.safetensors`);
  if (files.length > MAX_SHARDS) throw corrupt(`${path} names ${files.length} files, at most ${MAX_SHARDS}`);
  return { places, files: files.sort() };
}

function assertIndexed(
  places: ReadonlyMap<string, string>,
  tensors: ReadonlyMap<string, WeightTensor>,
  folder: string,
): void {
  for (const [name, file] of places)
    if (tensors.get(name)?.path !== join(folder, file))
      throw corrupt(`${join(folder, file)} has no tensor ${name.slice(0, 100)}, but the index says so`);
  const [extra] = [...tensors.keys()].filter((name) => !places.has(name));
  if (extra !== undefined)
    throw corrupt(`${join(folder, WEIGHTS_INDEX)} does not name the tensor ${extra.slice(0, 100)}`);
}

function readHeader(path: string): readonly WeightTensor[] {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const length = Number(readStart(file, LENGTH_BYTES, path).readBigUInt64LE());
    const start = LENGTH_BYTES + length;
    if (length > MAX_HEADER_BYTES || start > size)
      throw corrupt(`${path} has a header of ${length} bytes, more than a safetensors file of ${size} bytes can have`);
    const header = readStart(file, start, path).subarray(LENGTH_BYTES);
    return parse(path, header, size - start).map(({ from, to, ...rest }) => ({
      ...{ ...rest, path },
      ...{ offset: start + from, sizeBytes: to - from },
    }));
  } finally {
    closeSync(file);
  }
}

function parse(path: string, header: Uint8Array, dataBytes: number): readonly SafetensorsTensor[] {
  try {
    return parseSafetensorsHeader(header, dataBytes);
  } catch (cause) {
    if (cause instanceof SafetensorsError || cause instanceof ProtocolError)
      throw corrupt(`${path} is no whole safetensors file: ${cause.message}`, cause);
    throw cause;
  }
}

function readStart(file: number, length: number, path: string): Buffer {
  const bytes = Buffer.alloc(length);
  for (let held = 0; held < length; ) {
    const count = readSync(file, bytes, held, length - held, held);
    if (count === 0) throw corrupt(`${path} ends inside its header`);
    held += count;
  }
  return bytes;
}

function createReader(): Pick<WeightFiles, 'read' | 'close'> {
  const opened = new Map<string, number>();
  const open = (path: string): number => {
    const file = opened.get(path) ?? openSync(path, 'r');
    opened.set(path, file);
    return file;
  };
  const buffer = new Uint8Array(PIECE_BYTES);
  return {
    *read({ name, path, offset, sizeBytes }, from = 0, to = sizeBytes) {
      for (let at = from; at < to; ) {
        const count = readSync(open(path), buffer, 0, Math.min(PIECE_BYTES, to - at), offset + at);
        if (count === 0) throw corrupt(`${path} ends inside the tensor ${name.slice(0, 100)}`);
        yield buffer.subarray(0, count);
        at += count;
      }
    },
    close() {
      for (const file of opened.values()) closeSync(file);
      opened.clear();
    },
  };
}

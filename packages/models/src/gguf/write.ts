import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { computeTensorBytes, GgufError, type GgufScalar, GgufType, type GgufValue } from './types.ts';

export interface GgufTensorSource {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: number;
  /** Yields the tensor's bytes, in order, in pieces of any size. */
  readonly read: () => Iterable<Uint8Array>;
}

const ALIGNMENT = 32;

/** A metadata entry: its value, or the bytes of type and value as another file has them. */
export type GgufEntry = GgufValue | Uint8Array;

export interface GgufContents {
  readonly metadata: ReadonlyMap<string, GgufEntry>;
  readonly tensors: readonly GgufTensorSource[];
}

/**
 * Writes a GGUF v3 file; equal inputs give equal bytes.
 * @throws GgufError where a tensor yields another number of bytes than its shape needs.
 */
export function writeGguf(path: string, contents: GgufContents): void {
  const pieces = encodeGguf(contents);
  const file = openSync(path, 'w');
  try {
    let position = 0;
    for (const piece of pieces) {
      writeSync(file, piece, 0, piece.length, position);
      position += piece.length;
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Returns the bytes of the file that `writeGguf` writes, in pieces. @throws GgufError as `writeGguf` does. */
export function encodeGguf({ metadata, tensors }: GgufContents): Iterable<Uint8Array> {
  const sizes = tensors.map((tensor) => {
    const size = computeTensorBytes(tensor);
    if (size === undefined || !Number.isSafeInteger(size))
      throw new GgufError(`tensor ${tensor.name}: bad type or shape`);
    return size;
  });
  return yieldPieces(encodeHeader(metadata, tensors, sizes), tensors, sizes);
}

function* yieldPieces(
  header: Uint8Array,
  tensors: readonly GgufTensorSource[],
  sizes: readonly number[],
): Generator<Uint8Array> {
  yield header;
  for (const [index, tensor] of tensors.entries()) {
    let written = 0;
    for (const piece of tensor.read()) {
      yield piece;
      written += piece.length;
    }
    if (written !== sizes[index])
      throw new GgufError(`tensor ${tensor.name}: ${written} bytes, its shape needs ${sizes[index]}`);
    yield new Uint8Array(align(written) - written);
  }
}

const align = (size: number): number => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

function encodeHeader(
  metadata: ReadonlyMap<string, GgufEntry>,
  tensors: readonly GgufTensorSource[],
  sizes: readonly number[],
): Buffer {
  const parts: Buffer[] = [];
  const u32 = (value: number) => {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    parts.push(part);
  };
  const u64 = (value: number | bigint) => {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    parts.push(part);
  };
  const text = (value: string) => {
    const bytes = Buffer.from(value, 'utf8');
    u64(bytes.length);
    parts.push(bytes);
  };
  const scalar = (type: string, value: GgufScalar) => {
    if (type === 'string') return text(String(value));
    if (type === 'u32') return u32(Number(value));
    if (type === 'u64') return u64(value as number | bigint);
    const part = Buffer.alloc(
      type === 'f64' || type === 'i64' ? 8 : type === 'f32' || type === 'i32' ? 4 : type.endsWith('16') ? 2 : 1,
    );
    if (type === 'f32') part.writeFloatLE(Number(value));
    else if (type === 'f64') part.writeDoubleLE(Number(value));
    else if (type === 'i32') part.writeInt32LE(Number(value));
    else if (type === 'i64') part.writeBigInt64LE(BigInt(value as bigint));
    else if (type === 'u16') part.writeUInt16LE(Number(value));
    else if (type === 'i16') part.writeInt16LE(Number(value));
    else if (type === 'i8') part.writeInt8(Number(value));
    else part.writeUInt8(Number(value));
    parts.push(part);
  };
  parts.push(Buffer.from('GGUF'));
  u32(3);
  u64(tensors.length);
  u64(metadata.size);
  for (const [key, entry] of metadata) {
    text(key);
    if (entry instanceof Uint8Array) {
      parts.push(Buffer.from(entry));
      continue;
    }
    u32(GgufType[entry.type]);
    if (entry.type !== 'array') {
      scalar(entry.type, entry.value);
      continue;
    }
    u32(GgufType[entry.of]);
    u64(entry.value.length);
    for (const item of entry.value) scalar(entry.of, item);
  }
  let offset = 0;
  tensors.forEach((tensor, index) => {
    text(tensor.name);
    u32(tensor.dimensions.length);
    for (const dimension of tensor.dimensions) u64(dimension);
    u32(tensor.type);
    u64(offset);
    offset += align(sizes[index] ?? 0);
  });
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc(align(header.length) - header.length)]);
}

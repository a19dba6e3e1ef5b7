import { closeSync, openSync, readSync } from 'node:fs';
import { GgufError, type GgufHeader, type GgufScalar, type GgufTensor, GgufType, type GgufValue } from './types.ts';

type ScalarType = Exclude<keyof typeof GgufType, 'array'>;

/** The largest vocabularies of published models need about 16 MiB. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024;
/** Metadata entries, and tensors. */
const MAX_ENTRIES = 1 << 16;
/** Elements of all arrays together. The largest vocabularies of published models, with scores, types and merges, have 1.4 million. */
const MAX_ELEMENTS = 1 << 22;
const TYPE_NAMES = new Map(Object.entries(GgufType).map(([name, id]) => [id as number, name as keyof typeof GgufType]));
const FIRST_READ = 1 << 20;

class NeedMoreBytes extends Error {}

const SCALAR_BYTES: Readonly<Record<Exclude<ScalarType, 'string'>, number>> = {
  ...{ u8: 1, i8: 1, bool: 1 },
  ...{ u16: 2, i16: 2 },
  ...{ u32: 4, i32: 4, f32: 4 },
  ...{ u64: 8, i64: 8, f64: 8 },
};

/** Reads values from the beginning of `bytes`. */
function createReader(bytes: Buffer) {
  let offset = 0;
  const take = (size: number): number => {
    if (size > MAX_HEADER_BYTES) throw new GgufError(`GGUF header names a field of ${size} bytes`);
    const at = offset;
    if (at + size > bytes.length) throw new NeedMoreBytes();
    offset += size;
    return at;
  };
  const u32 = () => bytes.readUInt32LE(take(4));
  const u64 = () => {
    const value = bytes.readBigUInt64LE(take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new GgufError(`GGUF header has an absurd 64-bit count ${value}`);
    return Number(value);
  };
  const text = () => {
    const size = u64();
    const at = take(size);
    return bytes.toString('utf8', at, at + size);
  };
  const scalar = (type: ScalarType): GgufScalar => {
    switch (type) {
      case 'u8':
        return bytes.readUInt8(take(1));
      case 'i8':
        return bytes.readInt8(take(1));
      case 'u16':
        return bytes.readUInt16LE(take(2));
      case 'i16':
        return bytes.readInt16LE(take(2));
      case 'u32':
        return u32();
      case 'i32':
        return bytes.readInt32LE(take(4));
      case 'f32':
        return bytes.readFloatLE(take(4));
      case 'f64':
        return bytes.readDoubleLE(take(8));
      case 'bool':
        return bytes.readUInt8(take(1)) !== 0;
      case 'u64':
        return bytes.readBigUInt64LE(take(8));
      case 'i64':
        return bytes.readBigInt64LE(take(8));
      case 'string':
        return text();
    }
  };
  /** Skips the elements of an array. @returns their bytes. */
  const skip = (of: ScalarType, count: number): Buffer => {
    const start = offset;
    if (of === 'string') for (let i = 0; i < count; i++) take(u64());
    else take(count * SCALAR_BYTES[of]);
    return bytes.subarray(start, offset);
  };
  return { take, u32, u64, text, scalar, skip, position: () => offset };
}

/** Returns an array whose elements are built when a caller first reads them: few callers need any array but the vocabulary. */
function createArray(of: ScalarType, count: number, encoded: Buffer): GgufValue {
  let content: { readonly encoded: Buffer } | { readonly value: readonly GgufScalar[] } = { encoded };
  return {
    type: 'array',
    of,
    get value() {
      if ('value' in content) return content.value;
      const { scalar } = createReader(content.encoded);
      const value = Array.from({ length: count }, () => scalar(of));
      content = { value };
      return value;
    },
  };
}

/**
 * Parses the header of a GGUF v2 or v3 file from its first bytes.
 * @throws GgufError where the bytes are not GGUF or break a bound; NeedMoreBytes (internal) where they end too early.
 */
function parse(bytes: Buffer, onEntry?: (key: string, encoded: Buffer) => void): GgufHeader {
  const { take, u32, u64, text, scalar, skip, position } = createReader(bytes);
  const typeOf = (id: number): keyof typeof GgufType => {
    const name = TYPE_NAMES.get(id);
    if (name === undefined) throw new GgufError(`GGUF header has an unknown value type ${id}`);
    return name;
  };

  if (bytes.toString('latin1', take(4), 4) !== 'GGUF') throw new GgufError('not a GGUF file (magic is missing)');
  const version = u32();
  if (version !== 2 && version !== 3) throw new GgufError(`GGUF version ${version} is not supported`);
  const tensorCount = u64();
  const metadataCount = u64();
  if (tensorCount > MAX_ENTRIES || metadataCount > MAX_ENTRIES) throw new GgufError('GGUF header has too many entries');
  const metadata = new Map<string, GgufValue>();
  let elements = 0;
  for (let i = 0; i < metadataCount; i++) {
    const key = text();
    const start = position();
    const type = typeOf(u32());
    if (type !== 'array') {
      metadata.set(key, { type, value: scalar(type) });
      onEntry?.(key, bytes.subarray(start, position()));
      continue;
    }
    const of = typeOf(u32());
    if (of === 'array') throw new GgufError('GGUF arrays of arrays are not supported');
    const count = u64();
    elements += count;
    if (elements > MAX_ELEMENTS) throw new GgufError(`GGUF array ${key} has ${count} entries, too many for a header`);
    // A copy, so that the array keeps no other part of the header in memory.
    metadata.set(key, createArray(of, count, Buffer.from(skip(of, count))));
    onEntry?.(key, bytes.subarray(start, position()));
  }
  const tensors: GgufTensor[] = [];
  const names = new Set<string>();
  for (let i = 0; i < tensorCount; i++) {
    const name = text();
    if (names.has(name)) throw new GgufError(`GGUF header has two tensors ${name}`);
    names.add(name);
    const rank = u32();
    if (rank > 8) throw new GgufError(`GGUF tensor ${name} has rank ${rank}`);
    const dimensions = Array.from({ length: rank }, u64);
    tensors.push({ name, dimensions, type: u32(), offset: u64() });
  }
  const alignmentValue = metadata.get('general.alignment')?.value;
  const alignment = typeof alignmentValue === 'number' && alignmentValue > 0 ? alignmentValue : 32;
  return { version, metadata, tensors, dataOffset: Math.ceil(position() / alignment) * alignment };
}

/** Reads and parses the header of a GGUF file. @throws GgufError, or the file system's error. */
export const readGgufHeader = (path: string): GgufHeader => readHeader(path);

/**
 * Reads a header with the bytes of each metadata entry: type and value, as the file has them. A text may be no valid UTF-8, so only
 * the bytes are a faithful copy. @throws GgufError, or the file system's error.
 */
export function readGgufEntries(path: string): {
  readonly header: GgufHeader;
  readonly entries: ReadonlyMap<string, Uint8Array>;
} {
  const entries = new Map<string, Uint8Array>();
  const header = readHeader(path, (key, encoded) => entries.set(key, Uint8Array.from(encoded)));
  return { header, entries };
}

function readHeader(path: string, onEntry?: (key: string, encoded: Buffer) => void): GgufHeader {
  const file = openSync(path, 'r');
  try {
    for (let size = FIRST_READ; ; size *= 4) {
      const buffer = Buffer.allocUnsafe(Math.min(size, MAX_HEADER_BYTES));
      let filled = 0;
      while (filled < buffer.length) {
        const read = readSync(file, buffer, filled, buffer.length - filled, filled);
        if (read === 0) break;
        filled += read;
      }
      try {
        return parse(buffer.subarray(0, filled), onEntry);
      } catch (error) {
        if (!(error instanceof NeedMoreBytes)) throw error;
        if (filled < size) throw new GgufError(`${path} ends inside its GGUF header`);
        if (size >= MAX_HEADER_BYTES)
          throw new GgufError(`${path} has a GGUF header of more than ${MAX_HEADER_BYTES} bytes`);
      }
    }
  } finally {
    closeSync(file);
  }
}

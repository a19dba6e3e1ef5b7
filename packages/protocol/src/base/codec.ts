import {
  createReader,
  createWriter,
  equalBytes,
  ProtocolError,
  type ProtocolErrorCode,
  type Reader,
  utf8Encode,
  type Writer,
} from './bytes.ts';
import { assertAscending, assertPlainText, encodeDomain } from './canonical.ts';

/**
 * Canonical encodings by description. Each field of a format is described once, with its width and its bounds. The type is
 * inferred from it (docs/adr/formats.md). Encoder and decoder enforce the same rules: each value has one byte string, and each
 * byte string one value. A ProtocolError names the field by its path.
 */
export interface Codec<T> {
  /** @throws ProtocolError where the value is out of range. */
  write(writer: Writer, value: T): void;
  /** @throws ProtocolError for bytes that `write` could not have written; allocates no more than the bounds allow. */
  read(reader: Reader): T;
}

/** The type of the values that a codec encodes. */
export type CodecType<C extends Codec<unknown>> = ReturnType<C['read']>;

export const u8: Codec<number> = { write: (writer, value) => writer.u8(value), read: (reader) => reader.u8() };
export const u16: Codec<number> = { write: (writer, value) => writer.u16(value), read: (reader) => reader.u16() };
export const u32: Codec<number> = { write: (writer, value) => writer.u32(value), read: (reader) => reader.u32() };
/** Two's complement. */
export const i32: Codec<number> = { write: (writer, value) => writer.i32(value), read: (reader) => reader.i32() };
export const u64: Codec<bigint> = { write: (writer, value) => writer.u64(value), read: (reader) => reader.u64() };
export const u128: Codec<bigint> = { write: (writer, value) => writer.u128(value), read: (reader) => reader.u128() };

/** Two's complement. */
export const i64: Codec<bigint> = {
  write(writer, value) {
    if (BigInt.asIntN(64, value) !== value) throw new ProtocolError('out-of-range', `i64 out of range: ${value}`);
    writer.u64(BigInt.asUintN(64, value));
  },
  read: (reader) => BigInt.asIntN(64, reader.u64()),
};

/** Unix time in ms, or another count up to 2^53 - 1, as u64. */
export const safeInteger: Codec<number> = {
  write(writer, value) {
    if (!Number.isSafeInteger(value) || value < 0) throw new ProtocolError('out-of-range', `not a count: ${value}`);
    writer.u64(BigInt(value));
  },
  read(reader) {
    const value = reader.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolError('out-of-range', `above 2^53: ${value}`);
    return Number(value);
  },
};

/** One byte, 0 or 1. */
export const flag: Codec<boolean> = {
  write: (writer, value) => writer.u8(value ? 1 : 0),
  read(reader) {
    const value = reader.u8();
    if (value > 1) throw new ProtocolError('malformed', `flag of ${value}`);
    return value === 1;
  },
};

/** IEEE double; finite, and zero has one spelling. */
export const f64: Codec<number> = {
  write(writer, value) {
    assertDouble(value);
    writer.f64(value);
  },
  read(reader) {
    const value = reader.f64();
    assertDouble(value);
    return value;
  },
};

function assertDouble(value: number): void {
  if (!Number.isFinite(value) || Object.is(value, -0)) throw new ProtocolError('out-of-range', `no number: ${value}`);
}

/** A fixed number of bytes, without a length prefix. */
export function bytes(length: number): Codec<Uint8Array> {
  return { write: (writer, value) => writer.bytes(value, length), read: (reader) => reader.bytes(length) };
}

/** A 32-byte hash, key or seed. */
export const hash: Codec<Uint8Array> = bytes(32);
/** A ledger address. */
export const address: Codec<Uint8Array> = bytes(20);

/** u16 length, then the bytes. */
export function bytes16(maxLength: number): Codec<Uint8Array> {
  return {
    write: (writer, value) => writer.bytes16(bounded(value, maxLength)),
    read: (reader) => reader.bytes16(maxLength),
  };
}

/** u32 length, then the bytes. */
export function bytes32(maxLength: number): Codec<Uint8Array> {
  return {
    write: (writer, value) => writer.bytes32(bounded(value, maxLength)),
    read: (reader) => reader.bytes32(maxLength),
  };
}

function bounded(value: Uint8Array, maxLength: number): Uint8Array {
  if (value.length > maxLength) {
    throw new ProtocolError('too-large', `field of ${value.length} bytes exceeds ${maxLength}`);
  }
  return value;
}

/** UTF-8 with a u16 length in bytes. */
export function text(maxLength: number): Codec<string> {
  return {
    write(writer, value) {
      // The UTF-8 encoder would replace a lone surrogate by another character.
      if (!value.isWellFormed()) throw new ProtocolError('malformed', 'not a Unicode text');
      writer.bytes16(bounded(utf8Encode(value), maxLength));
    },
    read: (reader) => reader.text(maxLength),
  };
}

/** Printable ASCII without space, see assertPlainText; not empty unless `minLength` is 0. */
export function plainText(maxLength: number, { minLength = 1 } = {}): Codec<string> {
  return refine(text(maxLength), (value) => {
    assertPlainText(value, maxLength, 'text');
    if (value.length < minLength) throw new ProtocolError('malformed', 'empty text');
  });
}

/** One of the given words, as its index in one byte. */
export function oneOf<const T extends string>(words: readonly T[]): Codec<T> {
  return {
    write(writer, value) {
      const index = words.indexOf(value);
      if (index < 0) throw new ProtocolError('malformed', `${value} is none of ${words.join(', ')}`);
      writer.u8(index);
    },
    read(reader) {
      const index = reader.u8();
      const word = words[index];
      if (word === undefined) throw new ProtocolError('malformed', `code ${index} for one of ${words.join(', ')}`);
      return word;
    },
  };
}

/** A field with a constant value. It takes no bytes, because the tag of the format implies it. */
export function constant<const T extends string | number>(only: T): Codec<T> {
  return {
    write(_writer, value) {
      if (value !== only) throw new ProtocolError('malformed', `must be ${only}, got ${value}`);
    },
    read: () => only,
  };
}

/** A flag, followed by the value if the flag is 1. */
export function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  return {
    write(writer, value) {
      flag.write(writer, value !== undefined);
      if (value !== undefined) codec.write(writer, value);
    },
    read: (reader) => (flag.read(reader) ? codec.read(reader) : undefined),
  };
}

/** The bounds of an integer, both included. */
export function within<T extends number | bigint>(codec: Codec<T>, low: T, high: T): Codec<T> {
  return refine(codec, (value) => {
    if (!(value >= low && value <= high)) {
      throw new ProtocolError('out-of-range', `must lie in ${low}..${high}, got ${value}`);
    }
  });
}

export interface ListRules<T> {
  /** How the number of items is written. */
  readonly count: Codec<number>;
  readonly min?: number;
  readonly max: number;
  /** An order in which items are strictly ascending. A set then has one order and no duplicates. */
  readonly ascending?: ((a: T, b: T) => number) | undefined;
}

/** Encodes the number of items, then each item. */
export function list<T>(item: Codec<T>, { count, min = 0, max, ascending }: ListRules<T>): Codec<readonly T[]> {
  const assertCount = (length: number): void => {
    if (length > max) throw new ProtocolError('too-large', `${length} items, at most ${max}`);
    if (length < min) throw new ProtocolError('out-of-range', `${length} items, at least ${min}`);
  };
  return {
    write(writer, items) {
      assertCount(items.length);
      if (ascending) assertAscending(items, ascending, 'items');
      count.write(writer, items.length);
      writeItems(writer, item, items);
    },
    read(reader) {
      const length = count.read(reader);
      assertCount(length);
      const items = readItems(reader, item, length);
      if (ascending) assertAscending(items, ascending, 'items');
      return items;
    },
  };
}

/** A fixed number of items, without a count. */
export function tuple<T>(item: Codec<T>, length: number): Codec<readonly T[]> {
  return {
    write(writer, items) {
      if (items.length !== length) throw new ProtocolError('out-of-range', `${items.length} items, not ${length}`);
      writeItems(writer, item, items);
    },
    read: (reader) => readItems(reader, item, length),
  };
}

function writeItems<T>(writer: Writer, codec: Codec<T>, items: readonly T[]): void {
  let at = 0;
  try {
    for (; at < items.length; at++) codec.write(writer, items[at] as T);
  } catch (error) {
    throw locate(error, `[${at}]`);
  }
}

function readItems<T>(reader: Reader, codec: Codec<T>, length: number): T[] {
  const items: T[] = [];
  try {
    // Items are added one by one, so a count without bytes behind it allocates nothing.
    while (items.length < length) items.push(codec.read(reader));
  } catch (error) {
    throw locate(error, `[${items.length}]`);
  }
  return items;
}

type Fields = Readonly<Record<string, Codec<unknown>>>;
type FieldTypes<F extends Fields> = { readonly [K in keyof F]: CodecType<F[K]> };

/** Fields one after another, in the order in which they are named. */
export function struct<const F extends Fields>(fields: F): Codec<FieldTypes<F>> {
  const names = Object.keys(fields);
  const codecs = Object.values(fields);
  return {
    write(writer, value) {
      const values = value as Readonly<Record<string, unknown>>;
      let at = 0;
      try {
        for (; at < names.length; at++) (codecs[at] as Codec<unknown>).write(writer, values[names[at] as string]);
      } catch (error) {
        throw locate(error, names[at] as string);
      }
    },
    read(reader) {
      const values: Record<string, unknown> = {};
      let at = 0;
      try {
        for (; at < names.length; at++) values[names[at] as string] = (codecs[at] as Codec<unknown>).read(reader);
      } catch (error) {
        throw locate(error, names[at] as string);
      }
      return values as FieldTypes<F>;
    },
  };
}

type Cases = Readonly<Record<string, Codec<object>>>;
/** A case by its name under `Tag`, beside the case's own fields. */
type CaseTypes<Tag extends string, C extends Cases> = {
  readonly [K in keyof C]: { readonly [T in Tag]: K } & CodecType<C[K]>;
}[keyof C];

/** One of several structs: one byte for the case, numbered in the order in which they are named, then its fields. */
export function union<Tag extends string, const C extends Cases>(tag: Tag, cases: C): Codec<CaseTypes<Tag, C>> {
  const names = Object.keys(cases);
  const codecs = Object.values(cases);
  return {
    write(writer, value) {
      const name = (value as Readonly<Record<string, unknown>>)[tag] as string;
      const index = names.indexOf(name);
      if (index < 0) throw locate(new ProtocolError('unsupported', `${name} is none of ${names.join(', ')}`), tag);
      writer.u8(index);
      (codecs[index] as Codec<object>).write(writer, value);
    },
    read(reader) {
      const index = reader.u8();
      const codec = codecs[index];
      if (codec === undefined) {
        throw locate(new ProtocolError('unsupported', `code ${index} for one of ${names.join(', ')}`), tag);
      }
      return { [tag]: names[index], ...codec.read(reader) } as CaseTypes<Tag, C>;
    },
  };
}

/**
 * Adds a rule to a codec.
 * @param assert throws a ProtocolError for a value that the format does not allow. The parts of the value are in range already.
 */
export function refine<T>(codec: Codec<T>, assert: (value: T) => void): Codec<T> {
  return {
    write(writer, value) {
      codec.write(writer, value);
      assert(value);
    },
    read(reader) {
      const value = codec.read(reader);
      assert(value);
      return value;
    },
  };
}

/** A whole byte string that is signed, hashed or sent. */
export interface Format<T> {
  /** @throws ProtocolError */
  encode(value: T): Uint8Array;
  /** @throws ProtocolError for anything that `encode` would not have written. */
  decode(bytes: Uint8Array): T;
}

export interface FormatRules {
  /** The first bytes, see encodeDomain. Absent if the bytes are always part of a tagged format, or are only stored. */
  readonly tag?: string;
  /** Limit of the whole encoding. */
  readonly maxBytes?: number;
}

/** A value that was longer leaves no more for the next one. */
const MAX_CAPACITY = 16_384;

export function createFormat<T>(codec: Codec<T>, { tag, maxBytes = Infinity }: FormatRules): Format<T> {
  const domain = tag === undefined ? new Uint8Array(0) : encodeDomain(tag);
  const assertSize = (length: number): void => {
    if (length > maxBytes) throw new ProtocolError('too-large', `${tag} of ${length} bytes, at most ${maxBytes}`);
  };
  const isTagged = (encoded: Uint8Array): boolean => equalBytes(encoded.subarray(0, domain.length), domain);
  /** Values of a format often have one length, so the next one fills its buffer. */
  let capacity = 256;
  return {
    encode(value) {
      const writer = createWriter(capacity).bytes(domain);
      codec.write(writer, value);
      const encoded = writer.finish();
      assertSize(encoded.length);
      capacity = Math.min(encoded.length, MAX_CAPACITY);
      return encoded;
    },
    decode(encoded) {
      assertSize(encoded.length);
      if (!isTagged(encoded)) throw new ProtocolError('malformed', `the bytes do not open with the tag ${tag}`);
      const reader = createReader(encoded.subarray(domain.length));
      const value = codec.read(reader);
      reader.end();
      return value;
    },
  };
}

/** A whole byte string within another: u32 length, then its bytes. */
export function embedded<T>(format: Format<T>, maxLength: number): Codec<T> {
  const outer = bytes32(maxLength);
  return {
    write: (writer, value) => outer.write(writer, format.encode(value)),
    read: (reader) => format.decode(outer.read(reader)),
  };
}

class FieldError extends ProtocolError {
  readonly path: string;
  readonly reason: string;
  constructor(code: ProtocolErrorCode, place: { path: string; reason: string }, cause: unknown) {
    super(code, `${place.path}: ${place.reason}`, { cause });
    this.path = place.path;
    this.reason = place.reason;
  }
}

/** Returns the same error with one more step of the path to the field, outermost first: `models[2].payee: ...`. */
function locate(error: unknown, step: string): unknown {
  if (!(error instanceof ProtocolError)) return error;
  if (!(error instanceof FieldError)) return new FieldError(error.code, { path: step, reason: error.message }, error);
  const path = `${step}${error.path.startsWith('[') ? '' : '.'}${error.path}`;
  return new FieldError(error.code, { path, reason: error.reason }, error.cause);
}

import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';

/**
 * Canonical byte strings. Integers are big-endian and unsigned unless named otherwise; a reader rejects what a writer
 * could not have written (truncation, trailing bytes, lengths beyond their bound).
 */

export type ProtocolErrorCode = 'malformed' | 'out-of-range' | 'too-large' | 'unsupported';

export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;
  readonly retryable = false;
  constructor(code: ProtocolErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ProtocolError';
    this.code = code;
  }
}

const U64_LIMIT = 1n << 64n;
const U128_LIMIT = 1n << 128n;

export interface Writer {
  u8(value: number): Writer;
  u16(value: number): Writer;
  u32(value: number): Writer;
  /** Two's complement. */
  i32(value: number): Writer;
  u64(value: bigint): Writer;
  u128(value: bigint): Writer;
  /** IEEE double. */
  f64(value: number): Writer;
  /** The bytes as they are; `length` asserts a fixed width. */
  bytes(value: Uint8Array, length?: number): Writer;
  /** u16 length, then the bytes. */
  bytes16(value: Uint8Array): Writer;
  /** u32 length, then the bytes. */
  bytes32(value: Uint8Array): Writer;
  /** UTF-8 with a u16 length. */
  text(value: string): Writer;
  finish(): Uint8Array;
}

function assertInteger(value: number, low: number, high: number, what: string): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new ProtocolError('out-of-range', `${what} must be an integer in ${low}..${high}, got ${value}`);
  }
}

export function createWriter(initialCapacity = 256): Writer {
  let buffer = new Uint8Array(initialCapacity);
  let view = new DataView(buffer.buffer);
  let length = 0;
  const reserve = (size: number): number => {
    const at = length;
    length += size;
    if (length > buffer.length) {
      const grown = new Uint8Array(Math.max(length, buffer.length * 2));
      grown.set(buffer);
      buffer = grown;
      view = new DataView(buffer.buffer);
    }
    return at;
  };
  const writer: Writer = {
    u8(value) {
      assertInteger(value, 0, 0xff, 'u8');
      const at = reserve(1);
      view.setUint8(at, value);
      return writer;
    },
    u16(value) {
      assertInteger(value, 0, 0xffff, 'u16');
      const at = reserve(2);
      view.setUint16(at, value);
      return writer;
    },
    u32(value) {
      assertInteger(value, 0, 0xffffffff, 'u32');
      const at = reserve(4);
      view.setUint32(at, value);
      return writer;
    },
    i32(value) {
      assertInteger(value, -0x80000000, 0x7fffffff, 'i32');
      const at = reserve(4);
      view.setInt32(at, value);
      return writer;
    },
    u64(value) {
      if (value < 0n || value >= U64_LIMIT) throw new ProtocolError('out-of-range', `u64 out of range: ${value}`);
      const at = reserve(8);
      view.setBigUint64(at, value);
      return writer;
    },
    u128(value) {
      if (value < 0n || value >= U128_LIMIT) throw new ProtocolError('out-of-range', `u128 out of range: ${value}`);
      const at = reserve(16);
      view.setBigUint64(at, value >> 64n);
      view.setBigUint64(at + 8, value & (U64_LIMIT - 1n));
      return writer;
    },
    f64(value) {
      const at = reserve(8);
      view.setFloat64(at, value);
      return writer;
    },
    bytes(value, expected) {
      if (expected !== undefined && value.length !== expected) {
        throw new ProtocolError('out-of-range', `expected ${expected} bytes, got ${value.length}`);
      }
      const at = reserve(value.length);
      buffer.set(value, at);
      return writer;
    },
    bytes16: (value) => writer.u16(value.length).bytes(value),
    bytes32: (value) => writer.u32(value.length).bytes(value),
    text: (value) => writer.bytes16(utf8Encode(value)),
    finish: () => buffer.slice(0, length),
  };
  return writer;
}

export interface Reader {
  u8(): number;
  u16(): number;
  u32(): number;
  i32(): number;
  u64(): bigint;
  u128(): bigint;
  /** IEEE double. */
  f64(): number;
  /** A copy of the next `length` bytes. */
  bytes(length: number): Uint8Array;
  bytes16(maxLength: number): Uint8Array;
  bytes32(maxLength: number): Uint8Array;
  text(maxLength: number): string;
  remaining(): number;
  /** @throws ProtocolError where bytes are left over. */
  end(): void;
}

export function createReader(input: Uint8Array): Reader {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let offset = 0;
  const take = (size: number): number => {
    if (size > input.length - offset) {
      throw new ProtocolError('malformed', `truncated: ${size} bytes wanted at offset ${offset} of ${input.length}`);
    }
    const at = offset;
    offset += size;
    return at;
  };
  const bounded = (length: number, maxLength: number): Uint8Array => {
    if (length > maxLength) throw new ProtocolError('too-large', `field of ${length} bytes exceeds ${maxLength}`);
    return reader.bytes(length);
  };
  const reader: Reader = {
    u8: () => view.getUint8(take(1)),
    u16: () => view.getUint16(take(2)),
    u32: () => view.getUint32(take(4)),
    i32: () => view.getInt32(take(4)),
    u64: () => view.getBigUint64(take(8)),
    u128: () => (reader.u64() << 64n) | reader.u64(),
    f64: () => view.getFloat64(take(8)),
    bytes(length) {
      const at = take(length);
      return input.slice(at, at + length);
    },
    bytes16: (maxLength) => bounded(reader.u16(), maxLength),
    bytes32: (maxLength) => bounded(reader.u32(), maxLength),
    text: (maxLength) => utf8Decode(reader.bytes16(maxLength)),
    remaining: () => input.length - offset,
    end() {
      if (offset !== input.length) {
        throw new ProtocolError('malformed', `${input.length - offset} bytes left over at offset ${offset}`);
      }
    },
  };
  return reader;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** @throws ProtocolError on invalid UTF-8. */
export function utf8Decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new ProtocolError('malformed', 'invalid UTF-8', { cause });
  }
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Constant-time in the contents (lengths are public). */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** Lexicographic order, for canonical sorting. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const d = (a[i] as number) - (b[i] as number);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

/** Lowercase. */
export function toHex(bytes: Uint8Array): string {
  return bytesToHex(bytes);
}

/** Lowercase or uppercase hex without prefix. @throws ProtocolError on anything else, or on another `length`. */
export function fromHex(text: string, length?: number): Uint8Array {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw new ProtocolError('malformed', 'not a hexadecimal string');
  if (length !== undefined && text.length !== length * 2) {
    throw new ProtocolError('malformed', `expected ${length} bytes of hex, got ${text.length / 2}`);
  }
  return hexToBytes(text);
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = 61;
const BASE64_VALUE = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) BASE64_VALUE[BASE64.charCodeAt(i)] = i;

/** RFC 4648 base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  // Code units in one piece: a text that grows by a letter at a time takes 32 bytes for each.
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4).fill(PADDING);
  for (let i = 0, at = 0; i < bytes.length; i += 3, at += 4) {
    const a = bytes[i] as number;
    const b = bytes[i + 1];
    const c = bytes[i + 2];
    out[at] = BASE64.charCodeAt(a >> 2);
    out[at + 1] = BASE64.charCodeAt(((a & 3) << 4) | ((b ?? 0) >> 4));
    if (b !== undefined) out[at + 2] = BASE64.charCodeAt(((b & 15) << 2) | ((c ?? 0) >> 6));
    if (c !== undefined) out[at + 3] = BASE64.charCodeAt(c & 63);
  }
  return decoder.decode(out);
}

/** Canonical RFC 4648 base64 only. @throws ProtocolError. */
export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw new ProtocolError('malformed', 'base64 length is not a multiple of 4');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    let group = 0;
    for (let j = 0; j < 4; j++) {
      const code = text.charCodeAt(i + j);
      const isPad = i + 4 === text.length && j >= 4 - padding;
      const value = isPad ? 0 : code < 128 ? (BASE64_VALUE[code] as number) : -1;
      if (value < 0) throw new ProtocolError('malformed', `invalid base64 character at ${i + j}`);
      group = (group << 6) | value;
    }
    for (let j = 0; j < 3; j++) {
      const byte = (group >> (16 - 8 * j)) & 0xff;
      if (at < out.length) out[at++] = byte;
      else if (byte !== 0) throw new ProtocolError('malformed', 'non-canonical base64 padding');
    }
  }
  return out;
}

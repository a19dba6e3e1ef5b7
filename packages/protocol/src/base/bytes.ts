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

/** One class for all writers: a set of closures for each would take longer than most of what they write. */
class ByteWriter implements Writer {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity: number) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  #reserve(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#buffer.length * 2));
      grown.set(this.#buffer);
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): Writer {
    assertInteger(value, 0, 0xff, 'u8');
    const at = this.#reserve(1);
    this.#buffer[at] = value;
    return this;
  }

  u16(value: number): Writer {
    assertInteger(value, 0, 0xffff, 'u16');
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): Writer {
    assertInteger(value, 0, 0xffffffff, 'u32');
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  i32(value: number): Writer {
    assertInteger(value, -0x80000000, 0x7fffffff, 'i32');
    const at = this.#reserve(4);
    this.#view.setInt32(at, value);
    return this;
  }

  u64(value: bigint): Writer {
    if (value < 0n || value >= U64_LIMIT) throw new ProtocolError('out-of-range', `u64 out of range: ${value}`);
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  u128(value: bigint): Writer {
    if (value < 0n || value >= U128_LIMIT) throw new ProtocolError('out-of-range', `u128 out of range: ${value}`);
    const at = this.#reserve(16);
    this.#view.setBigUint64(at, value >> 64n);
    this.#view.setBigUint64(at + 8, value & (U64_LIMIT - 1n));
    return this;
  }

  f64(value: number): Writer {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value);
    return this;
  }

  bytes(value: Uint8Array, expected?: number): Writer {
    if (expected !== undefined && value.length !== expected) {
      throw new ProtocolError('out-of-range', `expected ${expected} bytes, got ${value.length}`);
    }
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  bytes16(value: Uint8Array): Writer {
    return this.u16(value.length).bytes(value);
  }

  bytes32(value: Uint8Array): Writer {
    return this.u32(value.length).bytes(value);
  }

  text(value: string): Writer {
    return this.bytes16(utf8Encode(value));
  }

  finish(): Uint8Array {
    // A later write finds a full buffer, and makes another one.
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.slice(0, this.#length);
  }
}

export const createWriter = (initialCapacity = 256): Writer => new ByteWriter(initialCapacity);

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
  /** @throws ProtocolError if bytes are left over. */
  end(): void;
}

class ByteReader implements Reader {
  readonly #input: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(input: Uint8Array) {
    this.#input = input;
    this.#view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  }

  #take(size: number): number {
    const at = this.#offset;
    if (size > this.#input.length - at) {
      throw new ProtocolError('malformed', `truncated: ${size} bytes wanted at offset ${at} of ${this.#input.length}`);
    }
    this.#offset += size;
    return at;
  }

  #bounded(length: number, maxLength: number): Uint8Array {
    if (length > maxLength) throw new ProtocolError('too-large', `field of ${length} bytes exceeds ${maxLength}`);
    return this.bytes(length);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  u128(): bigint {
    return (this.u64() << 64n) | this.u64();
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#input.slice(at, at + length);
  }

  bytes16(maxLength: number): Uint8Array {
    return this.#bounded(this.u16(), maxLength);
  }

  bytes32(maxLength: number): Uint8Array {
    return this.#bounded(this.u32(), maxLength);
  }

  text(maxLength: number): string {
    return utf8Decode(this.bytes16(maxLength));
  }

  remaining(): number {
    return this.#input.length - this.#offset;
  }

  end(): void {
    if (this.#offset !== this.#input.length) {
      const left = this.#input.length - this.#offset;
      throw new ProtocolError('malformed', `${left} bytes left over at offset ${this.#offset}`);
    }
  }
}

export const createReader = (input: Uint8Array): Reader => new ByteReader(input);

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

/** Compares in constant time with respect to the contents (lengths are public). */
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

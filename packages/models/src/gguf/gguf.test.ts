import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readGgufHeader } from './read.ts';
import { hashTokenizer } from './tokenizer-hash.ts';
import type { GgufValue } from './types.ts';
import { writeGguf } from './write.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-gguf-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const METADATA = new Map<string, GgufValue>([
  ['general.architecture', { type: 'string', value: 'llama' }],
  ['a.u8', { type: 'u8', value: 200 }],
  ['a.i8', { type: 'i8', value: -3 }],
  ['a.u16', { type: 'u16', value: 60_000 }],
  ['a.i16', { type: 'i16', value: -300 }],
  ['a.u32', { type: 'u32', value: 4_000_000_000 }],
  ['a.i32', { type: 'i32', value: -7 }],
  ['a.f32', { type: 'f32', value: 0.5 }],
  ['a.f64', { type: 'f64', value: 0.1 }],
  ['a.bool', { type: 'bool', value: true }],
  ['a.u64', { type: 'u64', value: 2n ** 60n }],
  ['a.i64', { type: 'i64', value: -(2n ** 60n) }],
  ['a.words', { type: 'array', of: 'string', value: ['é', '', 'c'] }],
  ['a.numbers', { type: 'array', of: 'f32', value: [1, 2.5] }],
]);

function write(name: string): string {
  const path = join(folder, name);
  const bytes = new Uint8Array(new Float32Array([1, 2, 3, 4, 5, 6]).buffer);
  writeGguf(path, {
    metadata: METADATA,
    tensors: [
      { name: 'x', dimensions: [3, 2], type: 0, read: () => [bytes.subarray(0, 5), bytes.subarray(5)] },
      { name: 'y', dimensions: [32], type: 8, read: () => [new Uint8Array(34).fill(9)] },
    ],
  });
  return path;
}

describe('GGUF', () => {
  it('reads back what it wrote', () => {
    const path = write('a.gguf');
    const header = readGgufHeader(path);
    expect(header.metadata).toEqual(METADATA);
    expect(header.tensors).toEqual([
      { name: 'x', dimensions: [3, 2], type: 0, offset: 0 },
      { name: 'y', dimensions: [32], type: 8, offset: 32 },
    ]);
    const file = readFileSync(path);
    expect(header.dataOffset % 32).toBe(0);
    expect(file.readFloatLE(header.dataOffset + 20)).toBe(6);
    expect(file[header.dataOffset + 32]).toBe(9);
  });

  it('writes equal bytes for equal contents', () => {
    expect(readFileSync(write('b.gguf'))).toEqual(readFileSync(write('c.gguf')));
  });

  it('refuses a tensor of the wrong length', () => {
    const tensors = [{ name: 'x', dimensions: [3], type: 0, read: () => [new Uint8Array(11)] }];
    expect(() => writeGguf(join(folder, 'd.gguf'), { metadata: METADATA, tensors })).toThrow(
      /11 bytes, its shape needs 12/,
    );
  });

  it('refuses every truncation of a header, and foreign or absurd ones', () => {
    const path = write('e.gguf');
    const { dataOffset } = readGgufHeader(path);
    const bytes = readFileSync(path);
    const broken = join(folder, 'broken.gguf');
    for (let size = 0; size < dataOffset - 32; size += 7) {
      writeFileSync(broken, bytes.subarray(0, size));
      expect(() => readGgufHeader(broken), `cut at ${size}`).toThrow(expect.objectContaining({ name: 'GgufError' }));
    }
    writeFileSync(broken, Buffer.concat([Buffer.from('GGML'), bytes.subarray(4)]));
    expect(() => readGgufHeader(broken)).toThrow(/magic/);
    const huge = Buffer.from(bytes);
    huge.writeBigUInt64LE(2n ** 40n, 8);
    writeFileSync(broken, huge);
    expect(() => readGgufHeader(broken)).toThrow(/too many/);
  });

  it('refuses arrays with more elements than a vocabulary, all of them together, and two tensors of one name', () => {
    const path = join(folder, 'bomb.gguf');
    /** The bytes of an array (type 9) of u8 (type 0). */
    const numbers = (count: number): Uint8Array => {
      const bytes = Buffer.alloc(16 + count, 7);
      bytes.writeUInt32LE(9, 0);
      bytes.writeUInt32LE(0, 4);
      bytes.writeBigUInt64LE(BigInt(count), 8);
      return bytes;
    };
    const tensors = [{ name: 'x', dimensions: [1], type: 0, read: () => [new Uint8Array(4)] }];
    const half = 2 ** 21;
    const arrays = (...counts: number[]) => new Map(counts.map((count, i) => [`a.${i}`, numbers(count)]));
    writeGguf(path, { metadata: arrays(half, half), tensors });
    expect(readGgufHeader(path).metadata.get('a.1')?.value).toHaveLength(half);
    writeGguf(path, { metadata: arrays(half, half, 1), tensors });
    expect(() => readGgufHeader(path)).toThrow(/too many/);
    writeGguf(path, { metadata: METADATA, tensors: [...tensors, ...tensors] });
    expect(() => readGgufHeader(path)).toThrow(/two tensors/);
  });
});

describe('hashTokenizer', () => {
  const words = (value: readonly string[]): GgufValue => ({ type: 'array', of: 'string', value });
  const hash = (...entries: [string, GgufValue][]): string =>
    Buffer.from(hashTokenizer({ metadata: new Map(entries) })).toString('hex');
  const count = (value: bigint): GgufValue => ({ type: 'u64', value });

  it('follows the tokenizer alone, whatever its order in the file', () => {
    const one = hash(['tokenizer.a', words(['x', 'y'])], ['tokenizer.b', count(2n ** 60n)]);
    // printf '["tokenizer.a","array","string",["x","y"]]\n["tokenizer.b","u64","","1152921504606846976"]\n' | sha256sum
    expect(one).toBe('596889e680b642b5f73a465bd5c4860495c1536000c56af00fc416e799d9f56b');
    expect(hash(['tokenizer.b', count(2n ** 60n)], ['other', count(1n)], ['tokenizer.a', words(['x', 'y'])])).toBe(one);
    expect(hash(['tokenizer.a', words(['x', 'z'])], ['tokenizer.b', count(2n ** 60n)])).not.toBe(one);
    expect(hash(['tokenizer.a', words(['x', 'y'])])).not.toBe(one);
  });
});

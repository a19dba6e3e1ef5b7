import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/blob.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { createFormat } from '../base/codec.ts';
import { createSeededRandom } from '../base/seeded-random.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { BLOB_CHUNK_BYTES, type BlobRef, blobRefCodec, countChunks, createBlobHasher, verifyChunk } from './blob.ts';

const BLIND = new Uint8Array(32).fill(7);

function fill(length: number): Uint8Array {
  const data = new Uint8Array(length);
  for (let i = 0; i < length; i++) data[i] = (i * 31 + (i >>> 8)) & 255;
  return data;
}

function commit(data: Uint8Array, pieces: readonly number[] = [data.length]) {
  const hasher = createBlobHasher(crypto, BLIND);
  let at = 0;
  for (const length of pieces) {
    hasher.push(data.subarray(at, at + length));
    at += length;
  }
  hasher.push(data.subarray(at));
  return hasher.finish();
}

const cut = (data: Uint8Array, index: number): Uint8Array =>
  data.subarray(index * BLOB_CHUNK_BYTES, (index + 1) * BLOB_CHUNK_BYTES);

describe('a blob', () => {
  it.each([1, BLOB_CHUNK_BYTES - 1, BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES + 1, 5 * BLOB_CHUNK_BYTES + 9])(
    'of %i bytes proves each of its chunks',
    (length) => {
      const data = fill(length);
      const { ref, prove } = commit(data);
      expect(ref.bytes).toBe(length);
      for (let index = 0; index < countChunks(ref); index++) {
        const chunk = { index, data: cut(data, index), proof: prove(index) };
        expect(verifyChunk(crypto, { ref, blind: BLIND }, chunk)).toBe(true);
      }
    },
  );

  it('is the same, whatever the pieces in which its bytes arrive', () => {
    const data = fill(3 * BLOB_CHUNK_BYTES + 100);
    const random = createSeededRandom(5);
    const { ref } = commit(data);
    for (let round = 0; round < 20; round++) {
      const pieces = Array.from({ length: 6 }, () => Math.floor(random() * random() * BLOB_CHUNK_BYTES));
      expect(commit(data, pieces).ref).toEqual(ref);
    }
  });

  it('refuses a chunk that is not the named one', () => {
    const data = fill(3 * BLOB_CHUNK_BYTES + 5);
    const { ref, prove } = commit(data);
    const good = { index: 1, data: cut(data, 1), proof: prove(1) };
    const verify = (bend: object, refs: Partial<BlobRef> = {}, blind = BLIND): boolean =>
      verifyChunk(crypto, { ref: { ...ref, ...refs }, blind }, { ...good, ...bend });
    expect(verify({})).toBe(true);
    expect(verify({ data: good.data.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) })).toBe(false);
    expect(verify({ data: good.data.subarray(1) })).toBe(false);
    expect(verify({ data: cut(data, 2), proof: prove(2) })).toBe(false);
    expect(verify({ index: 2 })).toBe(false);
    expect(verify({ index: 4 })).toBe(false);
    expect(verify({ index: -1 })).toBe(false);
    expect(verify({ index: 0.5 })).toBe(false);
    expect(verify({ proof: good.proof.slice(1) })).toBe(false);
    expect(verify({ proof: [...good.proof, good.proof[0]] })).toBe(false);
    expect(verify({}, { bytes: 2 * BLOB_CHUNK_BYTES })).toBe(false);
    expect(verify({}, {}, new Uint8Array(32))).toBe(false);
  });

  it('has no chunk of another size, even if its hash fits', () => {
    const data = fill(BLOB_CHUNK_BYTES + 5);
    const { ref, prove } = commit(data);
    const last = { index: 1, data: cut(data, 1), proof: prove(1) };
    expect(verifyChunk(crypto, { ref, blind: BLIND }, last)).toBe(true);
    expect(verifyChunk(crypto, { ref: { ...ref, bytes: ref.bytes + 1 }, blind: BLIND }, last)).toBe(false);
  });

  it('has at least one byte', () => {
    expect(() => createBlobHasher(crypto, BLIND).finish()).toThrow('without bytes');
  });

  it('matches the vectors', () => {
    const format = createFormat(blobRefCodec, { tag: 'test' });
    for (const { blind, bytes, root, proofs } of vectors.blobs) {
      const hasher = createBlobHasher(crypto, fromHex(blind, 32));
      hasher.push(fill(bytes));
      const { ref, prove } = hasher.finish();
      expect({ bytes: ref.bytes, root: toHex(ref.root) }).toEqual({ bytes, root });
      expect(proofs).toEqual(proofs.map((_, index) => prove(index).map((node) => toHex(node))));
      expect(format.decode(format.encode(ref))).toEqual(ref);
    }
  });
});

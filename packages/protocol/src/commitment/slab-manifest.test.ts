import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/slabs.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { hashSlabManifest, listEdges, MAX_SLABS, type SlabManifest, slabManifestFormat } from './slab-manifest.ts';

const { encode, decode } = slabManifestFormat;
const slab = (to: number) => ({ to, sizeBytes: 1_000 + to, sha256: new Uint8Array(32).fill(to) });
const manifest: SlabManifest = {
  modelRoot: new Uint8Array(32).fill(9),
  cutter: 1,
  layers: 6,
  slabs: [slab(2), slab(4), slab(6)],
};

describe('a slab manifest', () => {
  it('matches the vectors', () => {
    for (const { manifest: encoded, hash, edges } of vectors.manifests) {
      const read = decode(fromHex(encoded));
      expect(toHex(encode(read))).toBe(encoded);
      expect(toHex(hashSlabManifest(crypto, read))).toBe(hash);
      expect(listEdges(read)).toEqual(edges);
    }
  });

  it.each([
    ['slabs that do not ascend', { slabs: [slab(4), slab(2), slab(6)] }],
    ['one slab twice', { slabs: [slab(2), slab(2), slab(6)] }],
    ['layers without a slab', { layers: 7 }],
    ['slabs behind the last layer', { layers: 5 }],
    ['a slab without layers', { slabs: [slab(0), slab(6)] }],
    ['one slab', { slabs: [slab(6)] }],
    ['too many slabs', { layers: 200, slabs: Array.from({ length: MAX_SLABS + 1 }, (_, i) => slab(i + 72)) }],
    ['an empty slab', { slabs: [{ ...slab(2), sizeBytes: 0 }, slab(6)] }],
    ['a short hash', { slabs: [{ ...slab(2), sha256: new Uint8Array(31) }, slab(6)] }],
    ['cutter 0', { cutter: 0 }],
  ])('refuses %s', (_name, changes) => {
    expect(() => encode({ ...manifest, ...changes })).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
  });

  it('refuses bytes that are cut, that go on, or that bear another tag', () => {
    const bytes = encode(manifest);
    for (const wrong of [bytes.subarray(0, -1), Uint8Array.of(...bytes, 0), bytes.with(13, 0x32)])
      expect(() => decode(wrong)).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
    expect(decode(bytes)).toEqual(manifest);
  });
});

import { fileURLToPath } from 'node:url';
import { computeSlabManifest } from '@ogong/models/slabs/manifest';
import { toHex } from '@ogong/protocol/base/bytes';
import {
  hashSlabManifest,
  listEdges,
  type SlabManifest,
  slabManifestFormat,
} from '@ogong/protocol/commitment/slab-manifest';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

const TINY = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));

/** Creates manifests: cuts of the committed model `stories260K.gguf`, and one whose slab i has the SHA-256 of 32 times byte i. */
export async function createSlabVectors(crypto: Crypto) {
  const large: SlabManifest = {
    modelRoot: new Uint8Array(32).fill(255),
    cutter: 1,
    layers: 80,
    slabs: [20, 40, 60, 80].map((to, i) => ({ to, sizeBytes: 2 ** 33 + i, sha256: new Uint8Array(32).fill(i) })),
  };
  const cuts = await Promise.all([[1], [2, 4]].map((edges) => computeSlabManifest(TINY, edges)));
  const describe = (manifest: SlabManifest) => ({
    manifest: toHex(slabManifestFormat.encode(manifest)),
    hash: toHex(hashSlabManifest(crypto, manifest)),
    edges: listEdges(manifest),
  });
  return {
    manifests: [...cuts.map(describe), describe(large)],
    cuts: cuts.map((manifest) => ({
      model: 'stories260K.gguf',
      edges: listEdges(manifest),
      slabs: manifest.slabs.map(({ to, sizeBytes, sha256 }) => ({ to, sizeBytes, sha256: toHex(sha256) })),
    })),
  };
}

import { expect, it } from 'vitest';
import { computeInclusionProof, computeMerkleRoot, hashLeaf } from './merkle.ts';
import { createMerkleLevels } from './merkle-levels.ts';
import { nobleCrypto as crypto } from './noble.ts';

it('has the root and the proofs of the tree of RFC 6962, for every size', () => {
  for (let size = 1; size <= 34; size++) {
    const leaves = Array.from({ length: size }, (_, i) => hashLeaf(crypto, Uint8Array.of(i)));
    const { root, prove } = createMerkleLevels(crypto, leaves);
    expect(root).toEqual(computeMerkleRoot(crypto, leaves));
    for (let i = 0; i < size; i++) expect(prove(i)).toEqual(computeInclusionProof(crypto, leaves, i));
    expect(() => prove(size)).toThrow(RangeError);
  }
  expect(() => createMerkleLevels(crypto, [])).toThrow(RangeError);
});

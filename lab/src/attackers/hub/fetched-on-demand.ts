import { CHUNK_BYTES, computePinTree, drawChunks } from '@ogong/hub/pin-tree';
import { makePinProof } from '@ogong/hub/store/pin-proof';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestBlob } from '@ogong/testing/hub/blob-bytes';
import type { HubAttack } from './attack.ts';
import { isPinProof } from './pin-check.ts';

/** Two MiB. */
const LEVELS = 11;

/** It keeps the nodes of the tree alone, and reads the drawn blocks from an honest storage provider. */
export const fetchedOnDemand: HubAttack = {
  name: 'fetched-on-demand',
  adversary: 'storage provider that fetches drawn chunks from another one',
  aim: 'fees for storage that another provider has',
  stoppedBy:
    'Nothing does: a proof shows that the blob is available to the provider, not where it lies. **Left**: a pin counts no copies ([limits](hub-pins.md#limits))',
  caughtBy: undefined,
  async play() {
    const blob = createTestBlob(2 ** LEVELS * CHUNK_BYTES);
    const tree = await computePinTree(blob.stream());
    const fetched = new Set<number>();
    const other = {
      async *get(_id: string, { from } = { from: 0 }) {
        fetched.add(from / 2 ** 20);
        yield blob.block(from / 2 ** 20);
      },
    };
    const draw = { seed: crypto.sha256(new Uint8Array(32)), pin: 1n };
    const proof = await makePinProof(crypto, { store: other, id: blob.id, tree }, draw);
    const indices = drawChunks(crypto, draw, 2 ** LEVELS);
    const isHarmed = isPinProof(crypto, proof, { indices, root: tree.pinRoot, levels: LEVELS });
    return { reports: [`the proof is accepted: ${isHarmed}, from ${fetched.size} fetched blocks`], isHarmed };
  },
};

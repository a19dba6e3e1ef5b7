import type { BlobLink } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { BLOB_CHUNK_BYTES, createBlobHasher } from '@ogong/protocol/commitment/blob';
import type { KeptBlob } from '@ogong/provider/modality/order-job';
import type { PictureAttack } from './attack.ts';

/** Serves blobs as a provider does over its link, or as the attacker does. */
export function createBlobLink(
  blobs: readonly KeptBlob[],
  { blind, delivers }: { readonly blind: Uint8Array } & Pick<PictureAttack, 'delivers'>,
): BlobLink {
  return {
    async *getBlob({ root = new Uint8Array(), first = 0, count = 1 }) {
      const blob = blobs.find(({ ref }) => toHex(ref.root) === toHex(root));
      if (blob === undefined || delivers === 'nothing') return;
      const hasher = createBlobHasher(crypto, blind);
      hasher.push(blob.bytes);
      const { prove } = hasher.finish();
      for (let index = first; index < first + count; index++) {
        const data = blob.bytes.slice(index * BLOB_CHUNK_BYTES, (index + 1) * BLOB_CHUNK_BYTES);
        if (delivers === 'wrong-chunk') data.reverse();
        yield { index, data, proof: prove(index) };
      }
    },
  } as BlobLink;
}

import type { BlobStore } from '@ogong/provider/provider/serving/blob-store';

/** Delivers no value of a step. */
export const deliverNothing = (blobs: BlobStore): BlobStore => ({ ...blobs, open: async () => undefined });

/** Delivers other values than the committed ones, with the proofs of these. */
export const deliverWrongChunks = (blobs: BlobStore): BlobStore => ({
  ...blobs,
  async open(replyId, root) {
    const blob = await blobs.open(replyId, root);
    return (
      blob && {
        ...blob,
        async read(index) {
          const chunk = await blob.read(index);
          return { ...chunk, data: Uint8Array.from(chunk.data).reverse() };
        },
      }
    );
  },
});

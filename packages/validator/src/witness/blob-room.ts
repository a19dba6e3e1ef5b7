import { OwnFault } from '../audit/patience.ts';

/** Blobs that a witness fetches at the same time: those of four of the largest pictures. */
const MOST_BYTES = 256 * 2 ** 20;

/** Memory for blobs that a witness passes on. It cannot replay them one by one, because the handling validator reads them too. */
export interface BlobRoom {
  /** Runs work that holds blobs. @throws OwnFault if there is no room now: neither provider nor validator is blamed. */
  hold<T>(sizeBytes: number, work: () => Promise<T>): Promise<T>;
}

export function createBlobRoom(mostBytes: number = MOST_BYTES): BlobRoom {
  let heldBytes = 0;
  return {
    async hold(sizeBytes, work) {
      if (heldBytes > 0 && heldBytes + sizeBytes > mostBytes)
        throw new OwnFault(`no room for ${sizeBytes} bytes of blobs beside ${heldBytes}`);
      heldBytes += sizeBytes;
      try {
        return await work();
      } finally {
        heldBytes -= sizeBytes;
      }
    },
  };
}

import type { BlobRef } from '@ogong/protocol/commitment/blob';

/** Fetches a blob of the reply and checks it against its root. */
export type ReadBlob = (ref: BlobRef) => Promise<Uint8Array>;

/** Replies whose blobs are replayed at the same time. Each holds up to a dozen latents of at most 2 MiB. */
const MOST_WALKS = 32;

/** Takes turns at replaying the blobs of replies, so that the memory for them is bounded. */
export interface WalkTurns {
  /** Waits for a turn. @returns a function that ends it; calling it again has no effect. */
  take(): Promise<() => void>;
}

export function createWalkTurns(most: number = MOST_WALKS): WalkTurns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async take() {
      if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
      else running++;
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        const next = waiting.shift();
        // The turn passes on.
        if (next) next();
        else running--;
      };
    },
  };
}

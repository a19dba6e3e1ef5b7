import type { Clock } from '@ogong/host/time/clock';
import type { OpenPlace } from '@ogong/hub/named/open-place';

/** Bytes that a provider has fetched from the places of models, by the hashes of their manifests. */
export interface Downloads {
  add(manifestHash: string, bytes: number): void;
  /**
   * Sums the bytes of models that have gone, as long as they count.
   * @param held hashes of the manifests of models that are still on the disk: these count by their size.
   */
  sumGone(held: ReadonlySet<string>): number;
}

/** @param stayMs how long a download counts. */
export function createDownloads(stayMs: number, clock: Clock): Downloads {
  const fetched = new Map<string, { bytes: number; untilMs: number }>();
  return {
    add(manifestHash, bytes) {
      const before = fetched.get(manifestHash)?.bytes ?? 0;
      fetched.set(manifestHash, { bytes: before + bytes, untilMs: clock.nowMs() + stayMs });
    },
    sumGone(held) {
      let sum = 0;
      for (const [hash, { bytes, untilMs }] of fetched) {
        if (held.has(hash)) continue;
        if (untilMs <= clock.nowMs()) fetched.delete(hash);
        else sum += bytes;
      }
      return sum;
    },
  };
}

/** Opens places whose bytes are counted as they come, wrong ones too. */
export const countReads =
  (open: OpenPlace, onBytes: (bytes: number) => void): OpenPlace =>
  (named) => {
    const place = open(named);
    return (
      place && {
        ...place,
        async *read(...asked) {
          for await (const piece of place.read(...asked)) {
            onBytes(piece.length);
            yield piece;
          }
        },
      }
    );
  };

import type { Announcement } from '@ogong/protocol/exchange/announcement';

/** The evicted state of a provider that had to make room. It is not listed again by an earlier announcement. */
interface Evicted {
  readonly sequence: bigint;
  readonly expiresAtMs: number;
  /** Routers whose reports that it is gone are ignored. */
  readonly doubted: Set<string> | undefined;
}

export interface EvictedListings {
  put(name: string, announcement: Announcement, doubted: Set<string> | undefined): void;
  /** Undefined after its last announcement has expired. */
  find(name: string): Evicted | undefined;
  delete(name: string): void;
  sweep(beforeMs: number): void;
}

/** @param most number of entries; the oldest one beyond it is forgotten. */
export function createEvictedListings(most: number): EvictedListings {
  const evicted = new Map<string, Evicted>();
  return {
    put(name, { sequence, expiresAtMs }, doubted) {
      evicted.delete(name);
      evicted.set(name, { sequence, expiresAtMs, doubted });
      if (evicted.size > most) evicted.delete(evicted.keys().next().value as string);
    },
    find: (name) => evicted.get(name),
    delete: (name) => void evicted.delete(name),
    sweep(beforeMs) {
      for (const [name, { expiresAtMs }] of evicted) if (expiresAtMs < beforeMs) evicted.delete(name);
    },
  };
}

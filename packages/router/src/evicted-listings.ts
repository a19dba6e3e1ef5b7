import type { Announcement } from '@ogong/protocol/exchange/announcement';

/** What is known of a provider that had to make room: it is not listed again by what it said earlier. */
interface Evicted {
  readonly sequence: bigint;
  readonly expiresAtMs: number;
  /** Routers that are not believed when they call it gone. */
  readonly doubted: Set<string> | undefined;
}

export interface EvictedListings {
  put(name: string, announcement: Announcement, doubted: Set<string> | undefined): void;
  /** Undefined once what it had said has expired. */
  find(name: string): Evicted | undefined;
  delete(name: string): void;
  sweep(beforeMs: number): void;
}

/** @param most beyond which the one that has been there longest is forgotten. */
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

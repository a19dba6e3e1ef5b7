import type { Clock } from './clock.ts';

/** Names that were seen a while ago. A full one accepts no more, so that nobody can push an old name out. */
export interface RecentSet {
  add(name: string): 'new' | 'known' | 'full';
}

export function createRecentSet(
  { maxCount, keptMs }: { readonly maxCount: number; readonly keptMs: number },
  clock: Pick<Clock, 'nowMs'>,
): RecentSet {
  const seen = new Map<string, number>();
  return {
    add(name) {
      const nowMs = clock.nowMs();
      for (const [oldest, untilMs] of seen) {
        if (untilMs > nowMs) break;
        seen.delete(oldest);
      }
      if (seen.has(name)) return 'known';
      if (seen.size >= maxCount) return 'full';
      seen.set(name, nowMs + keptMs);
      return 'new';
    },
  };
}

import type { Clock } from '@ogong/host/time/clock';

export interface MemoOptions<T> {
  /** The value that was read longest ago is dropped first. */
  readonly capacity: number;
  /** Time for which a value may be returned again. */
  readonly lifetimeMs: (value: T) => number;
}

/** Returns a value again while it is fresh, and reads it once for concurrent callers. A failure is not kept. */
export type Memo<T> = (key: string, read: () => Promise<T>) => Promise<T>;

export function createMemo<T>({ capacity, lifetimeMs }: MemoOptions<T>, clock: Clock): Memo<T> {
  const kept = new Map<string, { readonly value: Promise<T>; untilMs: number }>();
  return (key, read) => {
    const known = kept.get(key);
    if (known && clock.nowMs() < known.untilMs) return known.value;
    const entry = { value: read(), untilMs: Number.POSITIVE_INFINITY };
    kept.delete(key);
    kept.set(key, entry);
    if (kept.size > capacity) kept.delete(kept.keys().next().value as string);
    entry.value.then(
      (value) => {
        entry.untilMs = clock.nowMs() + lifetimeMs(value);
      },
      () => {
        if (kept.get(key) === entry) kept.delete(key);
      },
    );
    return entry.value;
  };
}

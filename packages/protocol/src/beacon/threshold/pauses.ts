/** What is not done again for a while, by name. */
export interface Pauses {
  has(name: string, nowMs: number): boolean;
  begin(name: string, nowMs: number): void;
}

/** @param spanMs how long one lasts. A clock that is set back ends it, too. */
export function createPauses(spanMs: number): Pauses {
  /** When each began, the oldest first. */
  const begun = new Map<string, number>();
  const isOver = (sinceMs: number, nowMs: number): boolean => !(nowMs >= sinceMs && nowMs - sinceMs < spanMs);
  return {
    has(name, nowMs) {
      const sinceMs = begun.get(name);
      return sinceMs !== undefined && !isOver(sinceMs, nowMs);
    },
    begin(name, nowMs) {
      for (const [other, sinceMs] of begun) {
        if (!isOver(sinceMs, nowMs)) break;
        begun.delete(other);
      }
      begun.delete(name);
      begun.set(name, nowMs);
    },
  };
}

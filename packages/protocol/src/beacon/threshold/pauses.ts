/** Pauses by name: actions that are not repeated for a while. */
export interface Pauses {
  has(name: string, nowMs: number): boolean;
  begin(name: string, nowMs: number): void;
}

/** Creates pauses. @param spanMs length of a pause. A clock that is set back ends it too. */
export function createPauses(spanMs: number): Pauses {
  /** The begin of each pause, the oldest first. */
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

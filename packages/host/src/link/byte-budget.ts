import { createTally, type Tally } from './tally.ts';

export interface ByteBudgetLimits {
  /** Of every request, as many bytes count for nothing: the number of calls bounds them. */
  readonly freeBodyBytes: number;
  /** Of the requests of all strangers together, while they arrive and are worked on. */
  readonly maxBodyBytes: number;
  readonly maxBodyBytesPerGroup: number;
  readonly maxBodyBytesPerPeer: number;
  /** Of all known peers together. */
  readonly maxKnownBodyBytes: number;
  /** Of one of them: as much as its largest message, and never the room of all. */
  readonly maxKnownBodyBytesPerPeer: number;
}

export interface BudgetCaller {
  readonly name: string;
  readonly group: string | undefined;
  readonly isKnown: boolean;
}

export interface BodyMeter {
  /** @returns false if there is no room for these further bytes of the request. */
  take(bytes: number): boolean;
  /** Gives back what was taken; safe to call twice. */
  release(): void;
}

/** Bounds the memory that the requests of all callers may take at once. */
export function createByteBudget(limits: ByteBudgetLimits): (caller: BudgetCaller) => BodyMeter {
  const perPeer = createTally();
  const perKnown = createTally();
  const perGroup = createTally();
  const all = createTally();

  return ({ name, group, isKnown }) => {
    const shares: readonly [Tally, string, number][] = isKnown
      ? [
          [perKnown, name, limits.maxKnownBodyBytesPerPeer],
          [all, 'known', limits.maxKnownBodyBytes],
        ]
      : [
          [perPeer, name, limits.maxBodyBytesPerPeer],
          ...(group === undefined ? [] : [[perGroup, group, limits.maxBodyBytesPerGroup] as [Tally, string, number]]),
          [all, 'strangers', limits.maxBodyBytes],
        ];
    let seen = 0;
    let taken = 0;
    let isOpen = true;
    return {
      take(bytes) {
        if (!isOpen) return false;
        seen += bytes;
        const more = Math.max(0, seen - limits.freeBodyBytes) - taken;
        if (more === 0) return true;
        if (shares.some(([tally, key, max]) => tally.count(key) + more > max)) return false;
        for (const [tally, key, max] of shares) tally.add(key, max, more);
        taken += more;
        return true;
      },
      release() {
        isOpen = false;
        for (const [tally, key] of shares) tally.remove(key, taken);
        taken = 0;
      },
    };
  };
}

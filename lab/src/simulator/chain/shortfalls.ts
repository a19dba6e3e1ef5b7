/** Times during which channels lacked admissions that a reorganisation had taken back. */
export interface Shortfalls {
  /**
   * Notes a changed channel.
   * @param change `wasUndone`: a reorganisation changed it. `before`: the admitted amount before the change.
   */
  note(channel: string, now: { readonly admitted: bigint; readonly spent: bigint }, change: NotedChange): void;
  /**
   * Returns the smallest balance of a channel since that time while an admission was missing.
   * @returns undefined if none was missing.
   */
  leastSince(channel: string, sinceMs: number): bigint | undefined;
}

export interface NotedChange {
  readonly atMs: number;
  readonly before: bigint;
  readonly wasUndone: boolean;
}

/** From the reorganisation until as much is admitted as before it. */
interface Shortfall {
  readonly wanted: bigint;
  /** Balances that could be drawn, with the times from which they held. */
  readonly reserves: { readonly fromMs: number; readonly atomic: bigint }[];
  untilMs: number;
}

export function createShortfalls(): Shortfalls {
  const all = new Map<string, Shortfall[]>();
  return {
    note(channel, { admitted, spent }, { atMs, before, wasUndone }) {
      const list = all.get(channel) ?? [];
      const open = list.at(-1);
      const isOpen = open?.untilMs === Number.POSITIVE_INFINITY;
      if (isOpen && admitted >= open.wanted) open.untilMs = atMs;
      else if (isOpen) open.reserves.push({ fromMs: atMs, atomic: admitted - spent });
      if (!isOpen && wasUndone && admitted < before) {
        const reserves = [{ fromMs: atMs, atomic: admitted - spent }];
        all.set(channel, [...list, { wanted: before, reserves, untilMs: Number.POSITIVE_INFINITY }]);
      }
    },
    leastSince(channel, sinceMs) {
      const found = (all.get(channel) ?? [])
        .filter(({ untilMs }) => untilMs >= sinceMs)
        .flatMap(({ reserves, untilMs }) =>
          reserves.filter((_, i) => (reserves[i + 1]?.fromMs ?? untilMs) >= sinceMs).map(({ atomic }) => atomic),
        );
      return found.reduce<bigint | undefined>((a, b) => (a !== undefined && a < b ? a : b), undefined);
    },
  };
}

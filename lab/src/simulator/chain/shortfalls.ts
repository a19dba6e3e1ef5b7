/** What a reorganisation took out of channels, and until when it was missing there. */
export interface Shortfalls {
  /**
   * Whatever a channel holds changed. @param wasUndone a reorganisation did it.
   * @param before what had been admitted to it until then.
   */
  note(channel: string, now: { readonly admitted: bigint; readonly spent: bigint }, change: NotedChange): void;
  /**
   * The least that could be drawn of a channel at some moment since then at which what a reorganisation took was missing there;
   * undefined where nothing was.
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
  /** What could be drawn, from which time on. */
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

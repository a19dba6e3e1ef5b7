/** One order in a race, with its first part. */
export interface RaceLane<T> {
  /** Rejects if the order fails, or if another lane was first. */
  readonly first: Promise<T>;
}

/** The means by which an order takes part in a race. */
export interface Runner {
  /** Aborted once another lane was first. The provider is told to stop then. */
  readonly lost: AbortSignal;
  /** Called when the lane's first part arrives. @returns true if the lane may show it because no other lane was first. */
  claim(): boolean;
}

export interface RaceInput<L> {
  /** Time that the first lane has alone, ms; may be infinite. */
  readonly patienceMs: number;
  /** Whether a second lane may be opened now. */
  readonly mayOpen: () => boolean;
  /** @throws if no provider is free or no budget is left. The first lane goes on alone then. */
  readonly openSecond: () => Promise<L>;
  readonly onLost: (lane: L) => void;
  /** Called for a lane that failed while the other one goes on. */
  readonly onFailed: (lane: L, error: unknown) => void;
  readonly onOutcome?: (outcome: 'sent' | 'won' | 'lost' | 'failed') => void;
}

/** A race between at most two orders of one request. The first one with a part is shown. */
export interface Race {
  /** Registers a lane before it is opened. */
  enter(): Runner;
  /** @returns the lane that may be shown, with its first part. @throws RaceError */
  run<T, L extends RaceLane<T>>(lane: L, input: RaceInput<L>): Promise<{ readonly lane: L; readonly first: T }>;
}

/** No lane has anything to show. */
export class RaceError<L> extends Error {
  override readonly name = 'RaceError';
  /** The lane whose failure is reported. */
  readonly lane: L;
  constructor(lane: L, cause: unknown) {
    super('no order of the request brought anything', { cause });
    this.lane = lane;
  }
}

type Settled<T, L> = { readonly lane: L } & ({ readonly first: T } | { readonly error: unknown });

/** Numbers of the lanes, in the order in which they enter. */
const FIRST = 0;
const SECOND = 1;

export function createRace(): Race {
  const runners: AbortController[] = [];
  let winner: number | undefined;

  async function settle<T, L extends RaceLane<T>>(lane: L): Promise<Settled<T, L>> {
    try {
      return { lane, first: await lane.first };
    } catch (error) {
      return { lane, error };
    }
  }

  function unwrap<T, L>(settled: Settled<T, L>) {
    if ('first' in settled) return settled;
    throw new RaceError(settled.lane, settled.error);
  }

  return {
    enter() {
      const lost = new AbortController();
      const at = runners.length;
      runners.push(lost);
      if (winner !== undefined) lost.abort();
      return {
        lost: lost.signal,
        claim() {
          if (winner !== undefined) return winner === at;
          winner = at;
          for (const runner of runners) if (runner !== lost) runner.abort();
          return true;
        },
      };
    },
    async run<T, L extends RaceLane<T>>(
      lane: L,
      { patienceMs, mayOpen, openSecond, onLost, onFailed, onOutcome = () => {} }: RaceInput<L>,
    ) {
      const one = settle<T, L>(lane);
      const early = Number.isFinite(patienceMs) ? await within(one, patienceMs) : await one;
      if (early !== undefined || winner !== undefined || !mayOpen()) return unwrap(early ?? (await one));
      onOutcome('sent');
      const opening = openSecond().then(
        (opened) => ({ second: opened, two: settle<T, L>(opened) }),
        () => undefined,
      );
      // The first lane's text does not wait for the second order.
      const sole = await Promise.race([one, opening.then(() => undefined)]);
      if (sole !== undefined && ('first' in sole || winner === FIRST)) {
        void opening.then((late) => {
          onOutcome(late ? 'lost' : 'failed');
          if (late) onLost(late.second);
        });
        return unwrap(sole);
      }
      const opened = await opening;
      if (opened === undefined) {
        onOutcome('failed');
        return unwrap(await one);
      }
      const { second, two } = opened;
      const sooner = await Promise.race([one, two]);
      const [own, later, other] = sooner.lane === lane ? [FIRST, two, second] : [SECOND, one, lane];
      if ('first' in sooner) {
        onOutcome(own === FIRST ? 'lost' : 'won');
        onLost(other);
        return sooner;
      }
      // The lane won and then failed; the other one was told to stop.
      if (winner === own) {
        onOutcome('failed');
        onLost(other);
        return unwrap(sooner);
      }
      // A lane that was told to stop fails then, perhaps before the other's first part has arrived here.
      if (winner === undefined) onFailed(sooner.lane, sooner.error);
      else onLost(sooner.lane);
      const last = await later;
      onOutcome('error' in last ? 'failed' : last.lane === lane ? 'lost' : 'won');
      return unwrap(last);
    },
  };
}

async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

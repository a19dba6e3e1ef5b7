/** One order of a request, of which the first part is awaited. */
export interface RaceLane<T> {
  /** Rejects where the order fails, and where another lane was first. */
  readonly first: Promise<T>;
}

/** What an order is given to take part in a race. */
export interface Runner {
  /** Aborted once another one was first: then its provider is told to stop. */
  readonly lost: AbortSignal;
  /** Something of its reply is there. @returns whether it is shown: nothing of another one was. */
  claim(): boolean;
}

export interface RaceInput<L> {
  /** How long the first lane has alone, ms; may be infinite. */
  readonly patienceMs: number;
  /** Whether a second one may be opened now. */
  readonly mayOpen: () => boolean;
  /** @throws where there is nobody to ask, or nothing to pay with: then the first lane goes on alone. */
  readonly openSecond: () => Promise<L>;
  readonly onLost: (lane: L) => void;
  /** A lane failed, and the other one goes on. */
  readonly onFailed: (lane: L, error: unknown) => void;
  readonly onOutcome?: (outcome: 'sent' | 'won' | 'lost' | 'failed') => void;
}

/** At most two orders of one request, of which one is shown: the first of which something comes. */
export interface Race {
  /** Before a lane is opened. */
  enter(): Runner;
  /** @returns the lane that is shown, with its first part. @throws RaceError */
  run<T, L extends RaceLane<T>>(lane: L, input: RaceInput<L>): Promise<{ readonly lane: L; readonly first: T }>;
}

/** No lane has anything to show. */
export class RaceError<L> extends Error {
  override readonly name = 'RaceError';
  /** The one whose failure is told. */
  readonly lane: L;
  constructor(lane: L, cause: unknown) {
    super('no order of the request brought anything', { cause });
    this.lane = lane;
  }
}

type Settled<T, L> = { readonly lane: L } & ({ readonly first: T } | { readonly error: unknown });

/** In the order in which they enter. */
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
      // What the first lane shows does not wait for the second one's order.
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
      // It was shown, and does not hold; the other one was told to stop.
      if (winner === own) {
        onOutcome('failed');
        onLost(other);
        return unwrap(sooner);
      }
      // Whoever was told to stop fails then, perhaps before the other's first part has come as far as here.
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

import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { roundContext } from '@ogong/protocol/exchange/match';
import { TICKET_WINDOW_MS } from '@ogong/protocol/exchange/ticket';
import type { FoundMatch, WantedMatch } from './find-match.ts';

/** Whom a ticket is for, besides the reply: what all requests of one kind ask a router alike. */
export type AheadQuery = Pick<WantedMatch, 'model' | 'contextSize' | 'demands' | 'preference' | 'named'>;

/**
 * Tickets that were drawn before their requests came, so that a request waits for no router (docs/spec/ticket.md#ahead). Each is used
 * once, in the window of time that it was issued in; what is left at its end is given back.
 */
export interface TicketsAhead {
  /** A ticket for such a request; undefined where none is there. Either way more are drawn soon. */
  take(query: AheadQuery): FoundMatch | undefined;
  /** Gives back those of one model. @returns whether there were any: their places are free then. */
  release(model: string): Promise<boolean>;
  /** Gives back those of a provider that failed. */
  drop(providerId: Uint8Array): void;
  stop(): Promise<void>;
}

export interface TicketsAheadOptions {
  /** Of one kind of request at once; 0: none. */
  readonly max: number;
}

export interface TicketsAheadDependencies {
  find(query: AheadQuery, signal: AbortSignal): Promise<FoundMatch>;
  /** Never throws. */
  giveBack(found: FoundMatch): Promise<void>;
  readonly clock: Clock;
  /** 0..1 */
  readonly random: () => number;
  readonly onOutcome?: (outcome: 'used' | 'missed' | 'unused') => void;
}

interface Held {
  readonly found: FoundMatch;
  readonly untilMs: number;
}

interface Kind {
  query: AheadQuery;
  held: Held[];
  /** How many are kept: one more for each request that found none, one less for each that nobody used. */
  wanted: number;
  coming: number;
  askedMs: number;
}

const MAX_KINDS = 64;
/** A kind that nobody asked for in so long is forgotten. */
const KEPT_MS = 60_000;
/** Clocks of routers are about right. */
const MARGIN_MS = 100;
/** After a window has ended not all gateways come at once. */
const SPREAD_MS = 200;
/** Drawing one costs processor time, which the request that came before needs first. */
const PAUSE_MS = 5;

export function createTicketsAhead(
  { max }: TicketsAheadOptions,
  { find, giveBack, clock, random, onOutcome = () => {} }: TicketsAheadDependencies,
): TicketsAhead {
  const kinds = new Map<string, Kind>();
  const stopped = new AbortController();
  const pending = new Set<Promise<unknown>>();
  let filling: NodeJS.Timeout | undefined;
  let ending: NodeJS.Timeout | undefined;

  function track(work: Promise<unknown>): void {
    pending.add(work);
    work.finally(() => pending.delete(work));
  }

  function giveUp(unused: readonly Held[]): void {
    for (const { found } of unused) {
      onOutcome('unused');
      track(giveBack(found));
    }
  }

  function look(query: AheadQuery): Kind {
    const name = nameKind(query);
    const known = kinds.get(name);
    kinds.delete(name);
    const kind = known ?? { query, held: [], wanted: 0, coming: 0, askedMs: 0 };
    kinds.set(name, kind);
    for (const [oldest, { held }] of kinds) {
      if (kinds.size <= MAX_KINDS) break;
      kinds.delete(oldest);
      giveUp(held);
    }
    // Under the validator that orders name now.
    if (!isSame(kind.query, query)) giveUp(kind.held.splice(0));
    kind.query = query;
    kind.askedMs = clock.nowMs();
    return kind;
  }

  function fillSoon(pauseMs: number): void {
    if (stopped.signal.aborted) return;
    filling ??= setTimeout(() => {
      filling = undefined;
      for (const kind of kinds.values()) fill(kind);
    }, pauseMs);
    filling.unref();
  }

  function fill(kind: Kind): void {
    for (let missing = kind.wanted - kind.held.length - kind.coming; missing > 0; missing--) {
      kind.coming++;
      const { query } = kind;
      const drawing = find(query, stopped.signal).then(
        (found) => {
          const untilMs = found.match.ticket.issuedAtMs + TICKET_WINDOW_MS - MARGIN_MS;
          const isGood = untilMs > clock.nowMs() && isSame(kind.query, query) && kinds.get(nameKind(query)) === kind;
          if (!isGood || stopped.signal.aborted) return giveBack(found);
          kind.held.push({ found, untilMs });
          endSoon();
        },
        // The next request asks for itself, and hears why there is none.
        () => undefined,
      );
      track(drawing.finally(() => kind.coming--));
    }
  }

  /** At the end of the window that the tickets are of. */
  function endSoon(): void {
    if (ending !== undefined || stopped.signal.aborted) return;
    const ends = [...kinds.values()].flatMap(({ held }) => held.map(({ untilMs }) => untilMs));
    if (ends.length === 0) return;
    ending = setTimeout(
      () => {
        ending = undefined;
        endWindow();
      },
      Math.max(1, Math.min(...ends) - clock.nowMs()),
    );
    ending.unref();
  }

  function endWindow(): void {
    const nowMs = clock.nowMs();
    for (const [name, kind] of kinds) {
      const over = kind.held.filter(({ untilMs }) => untilMs <= nowMs);
      kind.held = kind.held.filter(({ untilMs }) => untilMs > nowMs);
      giveUp(over);
      kind.wanted = Math.max(1, kind.wanted - over.length);
      if (nowMs - kind.askedMs < KEPT_MS) continue;
      giveUp(kind.held);
      kinds.delete(name);
    }
    if (kinds.size > 0) fillSoon(2 * MARGIN_MS + random() * SPREAD_MS);
    endSoon();
  }

  return {
    take(query) {
      if (max === 0 || stopped.signal.aborted) return undefined;
      const kind = look(query);
      const nowMs = clock.nowMs();
      let held = kind.held.shift();
      while (held !== undefined && held.untilMs <= nowMs) {
        giveUp([held]);
        held = kind.held.shift();
      }
      if (held === undefined) kind.wanted = Math.min(max, kind.wanted + 1);
      onOutcome(held ? 'used' : 'missed');
      fillSoon(PAUSE_MS);
      return held?.found;
    },
    async release(model) {
      const freed = [...kinds.values()]
        .filter(({ query }) => query.model === model)
        .flatMap(({ held }) => held.splice(0));
      for (const _ of freed) onOutcome('unused');
      await Promise.all(freed.map(({ found }) => giveBack(found)));
      return freed.length > 0;
    },
    drop(providerId) {
      for (const kind of kinds.values()) {
        const isIts = ({ found }: Held): boolean => equalBytes(found.match.ticket.providerId, providerId);
        giveUp(kind.held.filter(isIts));
        kind.held = kind.held.filter((one) => !isIts(one));
      }
    },
    async stop() {
      stopped.abort();
      clearTimeout(filling);
      clearTimeout(ending);
      for (const { held } of kinds.values()) giveUp(held);
      kinds.clear();
      while (pending.size > 0) await Promise.allSettled(pending);
    },
  };
}

function nameKind({ model, contextSize, demands: { exact, modelRoot }, preference }: AheadQuery): string {
  const { sort = '', maxPricePer1kAtomic } = preference ?? {};
  const root = modelRoot === undefined ? '' : toHex(modelRoot);
  return [model, roundContext(contextSize), exact, root, sort, maxPricePer1kAtomic ?? ''].join(' ');
}

const isSame = ({ named: a }: AheadQuery, { named: b }: AheadQuery): boolean =>
  equalBytes(a.payer, b.payer) && equalBytes(a.validator, b.validator);

import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { roundContext } from '@ogong/protocol/exchange/match';
import { TICKET_WINDOW_MS, type Ticket } from '@ogong/protocol/exchange/ticket';
import type { FoundMatch, WantedMatch } from './find-match.ts';

/** Whom a ticket is for, besides the reply: what all requests of one kind ask a router alike. */
export type AheadQuery = Pick<WantedMatch, 'model' | 'contextSize' | 'demands' | 'preference' | 'named'>;

/**
 * Tickets that were drawn before their requests came, so that a request waits for no router (docs/spec/ticket.md#ahead). Each is used
 * once, in the window of time that it was issued in; what is left at its end is given back.
 */
export interface TicketsAhead {
  /** A ticket for such a request, and another is drawn in its place soon; undefined where none is there, or the request names a price. */
  take(query: AheadQuery): FoundMatch | undefined;
  /** One more is kept for such requests: one found none here, and was ordered. What is not ordered costs nothing, and raises nothing. */
  keep(query: AheadQuery): void;
  /** An answer has begun: what was used is drawn anew now. */
  begun(): void;
  /** Gives back one of a model, so that its place is free for whoever waits. @returns whether there was any. */
  release(model: string, isFor: (ticket: Ticket) => boolean): Promise<boolean>;
  /** Gives back those of a provider that failed. */
  drop(providerId: Uint8Array): void;
  stop(): Promise<void>;
}

export interface TicketsAheadOptions {
  /** Of one kind of request at once; 0: none. All kinds together hold no more than eight times as many. */
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
  /** How many are kept: one more for each order that found none, one less for each that nobody used, none where a draw failed. */
  wanted: number;
  coming: number;
  /** Until then no more are wanted, since a draw failed. */
  quietUntilMs: number;
  askedMs: number;
}

const MAX_KINDS = 64;
/** As many kinds can be full at once. */
const FULL_KINDS = 8;
/** A kind that nobody asked for in so long is forgotten. */
const KEPT_MS = 60_000;
/** A router that gave none is not asked for more before. */
const QUIET_MS = TICKET_WINDOW_MS;
/** Clocks of routers are about right. */
const MARGIN_MS = 100;
/** After a window has ended not all gateways come at once. */
const SPREAD_MS = 200;
/** Drawing one costs processor time, which the request that came before needs first: until its answer begins, but no longer. */
const PAUSE_MS = 100;

export function createTicketsAhead(
  { max }: TicketsAheadOptions,
  { find, giveBack, clock, random, onOutcome = () => {} }: TicketsAheadDependencies,
): TicketsAhead {
  const kinds = new Map<string, Kind>();
  const stopped = new AbortController();
  const pending = new Set<Promise<unknown>>();
  /** Providers that were dropped since, for each draw that is under way. */
  const draws = new Set<Uint8Array[]>();
  const [ended, used] = [createFilling(fill), createFilling(fill)];
  let ending: { readonly timer: NodeJS.Timeout; readonly atMs: number } | undefined;

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

  /** Notes that somebody asks for this kind. */
  function renew(name: string, kind: Kind, query: AheadQuery): void {
    kinds.delete(name);
    kinds.set(name, kind);
    // Under the validator that orders name now.
    if (!isSame(kind.query, query)) giveUp(kind.held.splice(0));
    kind.query = query;
    kind.askedMs = clock.nowMs();
  }

  function open(name: string, query: AheadQuery): Kind {
    const kind = { query, held: [], wanted: 0, coming: 0, quietUntilMs: 0, askedMs: clock.nowMs() };
    kinds.set(name, kind);
    for (const [oldest, { held }] of kinds) {
      if (kinds.size <= MAX_KINDS) break;
      kinds.delete(oldest);
      giveUp(held);
    }
    endBy(kind.askedMs + KEPT_MS);
    return kind;
  }

  function countPlaces(): number {
    return [...kinds.values()].reduce((sum, { held }) => sum + held.length, draws.size);
  }

  function fill(kind: Kind): void {
    if (stopped.signal.aborted) return;
    const missing = kind.wanted - kind.held.length - kind.coming;
    const room = FULL_KINDS * max - countPlaces();
    for (let left = Math.min(missing, room); left > 0; left--) track(draw(kind));
  }

  async function draw(kind: Kind): Promise<void> {
    const { query } = kind;
    const dropped: Uint8Array[] = [];
    draws.add(dropped);
    kind.coming++;
    try {
      const found = await find(query, stopped.signal);
      const untilMs = found.match.ticket.issuedAtMs + TICKET_WINDOW_MS - MARGIN_MS;
      const isAsked = isSame(kind.query, query) && kinds.get(nameKind(query)) === kind;
      const isGood = untilMs > clock.nowMs() && !dropped.some((id) => isOf(found, id));
      if (!isAsked || !isGood || stopped.signal.aborted) return void track(giveBack(found));
      kind.held.push({ found, untilMs });
      endBy(untilMs);
    } catch {
      // The next request asks for itself, and hears why there is none.
      kind.wanted = 0;
      kind.quietUntilMs = clock.nowMs() + QUIET_MS;
    } finally {
      draws.delete(dropped);
      kind.coming--;
    }
  }

  /** At the end of the window that tickets are of, and when a kind is forgotten. */
  function endBy(atMs: number): void {
    if (stopped.signal.aborted || (ending !== undefined && ending.atMs <= atMs)) return;
    clearTimeout(ending?.timer);
    const timer = setTimeout(endWindow, Math.max(1, atMs - clock.nowMs()));
    timer.unref();
    ending = { timer, atMs };
  }

  function endWindow(): void {
    ending = undefined;
    const nowMs = clock.nowMs();
    for (const [name, kind] of kinds) {
      const over = kind.held.filter(({ untilMs }) => untilMs <= nowMs);
      kind.held = kind.held.filter(({ untilMs }) => untilMs > nowMs);
      giveUp(over);
      kind.wanted = Math.min(kind.wanted, Math.max(1, kind.wanted - over.length));
      if (nowMs - kind.askedMs < KEPT_MS) continue;
      giveUp(kind.held);
      kinds.delete(name);
    }
    if (kinds.size === 0) return;
    // Who was asked for last comes first, where there is not room for all.
    const left = [...kinds.values()].reverse();
    ended.soon(left, 2 * MARGIN_MS + random() * SPREAD_MS);
    endBy(Math.min(...left.flatMap(({ held, askedMs }) => [askedMs + KEPT_MS, ...held.map((one) => one.untilMs)])));
  }

  return {
    take(query) {
      if (max === 0 || stopped.signal.aborted || isPriced(query)) return undefined;
      const name = nameKind(query);
      const kind = kinds.get(name);
      if (kind !== undefined) renew(name, kind, query);
      const nowMs = clock.nowMs();
      let held = kind?.held.shift();
      while (held !== undefined && held.untilMs <= nowMs) {
        giveUp([held]);
        held = kind?.held.shift();
      }
      onOutcome(held ? 'used' : 'missed');
      if (kind && held) used.soon([kind], PAUSE_MS);
      return held?.found;
    },
    keep(query) {
      if (max === 0 || stopped.signal.aborted || isPriced(query)) return;
      const name = nameKind(query);
      const kind = kinds.get(name) ?? open(name, query);
      renew(name, kind, query);
      if (clock.nowMs() < kind.quietUntilMs) return;
      kind.wanted = Math.min(max, kind.wanted + 1);
      used.soon([kind], PAUSE_MS);
    },
    begun() {
      // What began goes to its client first.
      if (!used.isEmpty()) setImmediate(used.now);
    },
    async release(model, isFor) {
      for (const { query, held } of kinds.values()) {
        const at = query.model === model ? held.findIndex(({ found }) => isFor(found.match.ticket)) : -1;
        const [freed] = at < 0 ? [] : held.splice(at, 1);
        if (freed === undefined) continue;
        onOutcome('unused');
        await giveBack(freed.found);
        return true;
      }
      return false;
    },
    drop(providerId) {
      for (const dropped of draws) dropped.push(providerId);
      for (const kind of kinds.values()) {
        giveUp(kind.held.filter(({ found }) => isOf(found, providerId)));
        kind.held = kind.held.filter(({ found }) => !isOf(found, providerId));
      }
    },
    async stop() {
      stopped.abort();
      ended.stop();
      used.stop();
      clearTimeout(ending?.timer);
      for (const { held } of kinds.values()) giveUp(held);
      kinds.clear();
      while (pending.size > 0) await Promise.allSettled(pending);
    },
  };
}

/** What is to be drawn: all of it together, after a pause or once it is asked for. */
function createFilling(fill: (kind: Kind) => void) {
  const due = new Set<Kind>();
  let timer: NodeJS.Timeout | undefined;
  function now(): void {
    clearTimeout(timer);
    timer = undefined;
    const filled = [...due];
    due.clear();
    for (const kind of filled) fill(kind);
  }
  return {
    soon(kinds: readonly Kind[], pauseMs: number): void {
      for (const kind of kinds) due.add(kind);
      timer ??= setTimeout(now, pauseMs);
      timer.unref();
    },
    now,
    isEmpty: () => due.size === 0,
    stop(): void {
      clearTimeout(timer);
      due.clear();
    },
  };
}

/** A request with a price of its own has one drawn for itself: there are as many kinds of them as prices. */
const isPriced = ({ preference }: AheadQuery): boolean => preference?.maxPricePer1kAtomic !== undefined;

/** Requests of one kind ask a router for the same. */
export function nameKind({ model, contextSize, demands, preference }: AheadQuery): string {
  const { exact, modelRoot, standbyPer1kAtomic: standby = '' } = demands;
  const root = modelRoot === undefined ? '' : toHex(modelRoot);
  const { sort = '', minHeldTokens = '' } = preference ?? {};
  return [model, roundContext(contextSize), exact, root, standby, sort, minHeldTokens].join(' ');
}

const isOf = ({ match }: FoundMatch, providerId: Uint8Array): boolean =>
  equalBytes(match.ticket.providerId, providerId);

const isSame = ({ named: a }: AheadQuery, { named: b }: AheadQuery): boolean =>
  equalBytes(a.payer, b.payer) && equalBytes(a.validator, b.validator);

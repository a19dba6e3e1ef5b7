import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { roundContext } from '@ogong/protocol/exchange/match';
import { TICKET_WINDOW_MS, type Ticket } from '@ogong/protocol/exchange/ticket';
import type { FoundMatch, WantedMatch } from './find-match.ts';

/** The requests that a ticket fits, besides its reply id: requests of one kind ask a router alike. */
export type AheadQuery = Pick<WantedMatch, 'model' | 'contextSize' | 'demands' | 'preference' | 'named'>;

/**
 * Tickets that were drawn before their requests came, so that a request waits for no router (docs/spec/ticket.md#ahead). Each is
 * used once, in the window of time in which it was issued. The rest is given back at its end.
 */
export interface TicketsAhead {
  /**
   * Takes a ticket for such a request, and draws another one soon. Undefined if there is none, or if the request names a price.
   */
  take(query: AheadQuery): FoundMatch | undefined;
  /**
   * Keeps one more ticket for such requests, because one found none and was ordered. A request that is not ordered raises
   * nothing.
   */
  keep(query: AheadQuery): void;
  /** An answer has begun. Used tickets are replaced once no other request waits for the begin of its answer. */
  begun(): void;
  /** Gives back one ticket of a model, so that its place is free for a waiting request. @returns whether there was any. */
  release(model: string, isFor: (ticket: Ticket) => boolean): Promise<boolean>;
  /** Gives back the tickets of a provider that failed. */
  drop(providerId: Uint8Array): void;
  stop(): Promise<void>;
}

export interface TicketsAheadOptions {
  /** Most tickets for one kind of request; 0: none. All kinds together have at most eight times as many. */
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
  /**
   * Number of tickets to keep: one more for each order that found none, one less for each unused ticket, 0 after a failed draw.
   */
  wanted: number;
  coming: number;
  /** No ticket is drawn until then, because a draw failed. */
  quietUntilMs: number;
  askedMs: number;
}

const MAX_KINDS = 64;
/** As many kinds can be full at once. */
const FULL_KINDS = 8;
/** A kind without requests for so long is forgotten. */
const KEPT_MS = 60_000;
/** Pause after a router gave no ticket. */
const QUIET_MS = TICKET_WINDOW_MS;
/** Tolerance for the clocks of routers. */
const MARGIN_MS = 100;
/** Spread of the draws after the end of a window, so that gateways do not all draw at once. */
const SPREAD_MS = 200;
/** A draw costs processor time, which running requests need first: wait until their answers begin, but no longer than this. */
const PAUSE_MS = 100;
/** Pause of the draws after the begin of the answers, so that their first texts are with their clients. */
const BEGUN_MS = 5;
/** A stop waits so long for running draws. Their tickets are given back, or they would hold places of their providers. */
const STOP_MS = 1_000;

export function createTicketsAhead(
  { max }: TicketsAheadOptions,
  { find, giveBack, clock, random, onOutcome = () => {} }: TicketsAheadDependencies,
): TicketsAhead {
  const kinds = new Map<string, Kind>();
  let isStopped = false;
  const abandoned = new AbortController();
  const pending = new Set<Promise<unknown>>();
  /** The providers dropped since its start, for each running draw. */
  const draws = new Set<Uint8Array[]>();
  /** Ordered requests whose answers have not begun. One that fails is counted until the next draws. */
  let silent = 0;
  const ended = createFilling(fill);
  const used = createFilling(fill, () => {
    silent = 0;
  });
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

  /** Notes a request of this kind. */
  function renew(name: string, kind: Kind, query: AheadQuery): void {
    kinds.delete(name);
    kinds.set(name, kind);
    // Give up tickets under another validator than orders name now.
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
    if (isStopped) return;
    const missing = kind.wanted - kind.held.length - kind.coming;
    const room = FULL_KINDS * max - countPlaces();
    for (let left = Math.min(missing, room); left > 0; left--) track(draw(kind));
  }

  function drawLater(kind: Kind): void {
    silent++;
    used.soon([kind], PAUSE_MS);
  }

  async function draw(kind: Kind): Promise<void> {
    const { query } = kind;
    const dropped: Uint8Array[] = [];
    draws.add(dropped);
    kind.coming++;
    try {
      const found = await find(query, abandoned.signal);
      const untilMs = found.match.ticket.issuedAtMs + TICKET_WINDOW_MS - MARGIN_MS;
      const isAsked = isSame(kind.query, query) && kinds.get(nameKind(query)) === kind;
      const isGood = untilMs > clock.nowMs() && !dropped.some((id) => isOf(found, id));
      if (!isAsked || !isGood || isStopped) return void track(giveBack(found));
      kind.held.push({ found, untilMs });
      endBy(untilMs);
    } catch {
      // The next request asks a router itself, and gets the reason.
      kind.wanted = 0;
      kind.quietUntilMs = clock.nowMs() + QUIET_MS;
    } finally {
      draws.delete(dropped);
      kind.coming--;
    }
  }

  /** Ends a kind's tickets at the end of their window, and forgets a kind without requests. */
  function endBy(atMs: number): void {
    if (isStopped || (ending !== undefined && ending.atMs <= atMs)) return;
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
    // The kind with the newest request comes first, if there is not room for all.
    const left = [...kinds.values()].reverse();
    ended.soon(left, 2 * MARGIN_MS + random() * SPREAD_MS);
    endBy(Math.min(...left.flatMap(({ held, askedMs }) => [askedMs + KEPT_MS, ...held.map((one) => one.untilMs)])));
  }

  return {
    take(query) {
      if (max === 0 || isStopped || isPriced(query)) return undefined;
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
      if (kind && held) drawLater(kind);
      return held?.found;
    },
    keep(query) {
      if (max === 0 || isStopped || isPriced(query)) return;
      const name = nameKind(query);
      const kind = kinds.get(name) ?? open(name, query);
      renew(name, kind, query);
      if (clock.nowMs() < kind.quietUntilMs) return;
      kind.wanted = Math.min(max, kind.wanted + 1);
      drawLater(kind);
    },
    begun() {
      silent = Math.max(0, silent - 1);
      if (silent === 0) used.hasten(BEGUN_MS);
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
      isStopped = true;
      const patience = setTimeout(() => abandoned.abort(), STOP_MS);
      ended.stop();
      used.stop();
      clearTimeout(ending?.timer);
      for (const { held } of kinds.values()) giveUp(held);
      kinds.clear();
      while (pending.size > 0) await Promise.allSettled(pending);
      clearTimeout(patience);
    },
  };
}

/** Draws all wanted tickets together, after a pause. */
function createFilling(fill: (kind: Kind) => void, onFill: () => void = () => {}) {
  const due = new Set<Kind>();
  let timer: NodeJS.Timeout | undefined;
  let isHastened = false;
  function now(): void {
    timer = undefined;
    isHastened = false;
    const filled = [...due];
    due.clear();
    onFill();
    for (const kind of filled) fill(kind);
  }
  return {
    soon(kinds: readonly Kind[], pauseMs: number): void {
      for (const kind of kinds) due.add(kind);
      timer ??= setTimeout(now, pauseMs).unref();
    },
    /** Shortens the pause, once. Otherwise answers that begin one after the other would put the draws off. */
    hasten(pauseMs: number): void {
      if (timer === undefined || isHastened) return;
      isHastened = true;
      clearTimeout(timer);
      timer = setTimeout(now, pauseMs).unref();
    },
    stop(): void {
      clearTimeout(timer);
      due.clear();
    },
  };
}

/** A request with a price of its own draws its own ticket: there are as many such kinds as prices. */
const isPriced = ({ preference }: AheadQuery): boolean => preference?.maxPricePer1kAtomic !== undefined;

/** Returns the name of a kind of requests that ask a router alike. */
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

import type { Clock } from '@ogong/host/time/clock';
import { TICKET_WINDOW_MS } from '@ogong/protocol/exchange/ticket';
import { type AheadQuery, nameKind } from './tickets-ahead.ts';

/**
 * How old tickets are when they are ordered under. A provider can date a ticket within its window (docs/spec/ticket.md#ahead): so a
 * request that names its provider, as tests do, is ordered under a ticket as old as those of the others of its kind.
 */
export interface TicketAges {
  /** A request of nobody in particular was ordered. @param drawnMs when its ticket was drawn. @param orderedMs when the order was signed. */
  note(query: AheadQuery, moments: TicketMoments): void;
  /** The next moments at which a ticket is drawn and ordered under as for one of these requests; undefined where there was none. */
  plan(query: AheadQuery): TicketMoments | undefined;
}

/** By this gateway's clock. */
export interface TicketMoments {
  readonly drawnMs: number;
  readonly orderedMs: number;
}

const MAX_KINDS = 64;
/** Of each kind, the last ones. */
const MAX_NOTED = 256;

/** @param random 0..1 */
export function createTicketAges({ clock, random }: { clock: Clock; random: () => number }): TicketAges {
  const kinds = new Map<string, TicketMoments[]>();
  return {
    note(query, moments) {
      const name = nameKind(query);
      const noted = kinds.get(name) ?? [];
      noted.push(moments);
      if (noted.length > MAX_NOTED) noted.shift();
      // The kind that nobody ordered for longest makes room.
      kinds.delete(name);
      kinds.set(name, noted);
      if (kinds.size > MAX_KINDS) kinds.delete(kinds.keys().next().value as string);
    },
    plan(query) {
      const noted = kinds.get(nameKind(query)) ?? [];
      const like = noted[Math.floor(random() * noted.length)];
      if (like === undefined) return undefined;
      // At the same place of a window: tickets that are kept are drawn at its beginning, and then as they are used.
      const windows = Math.ceil((clock.nowMs() - like.drawnMs) / TICKET_WINDOW_MS) * TICKET_WINDOW_MS;
      return { drawnMs: like.drawnMs + windows, orderedMs: like.orderedMs + windows };
    },
  };
}

/** @throws where the signal ends it. */
export function waitUntil(atMs: number, { nowMs }: Clock, signal: AbortSignal): Promise<void> {
  const leftMs = atMs - nowMs();
  if (leftMs <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave);
      resolve();
    }, leftMs);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
}

import type { Clock } from '@ogong/host/time/clock';
import { TICKET_WINDOW_MS } from '@ogong/protocol/exchange/ticket';
import { type AheadQuery, nameKind } from './tickets-ahead.ts';

/**
 * Ages of tickets at their orders. A provider can date a ticket within its window (docs/spec/ticket.md#ahead). So a request that
 * names its provider, as tests do, uses a ticket as old as those of other requests of its kind.
 */
export interface TicketAges {
  /**
   * Notes the order of a request that named no provider.
   * @param drawnMs time of the ticket's draw.
   * @param orderedMs time of the order's signature.
   */
  note(query: AheadQuery, moments: TicketMoments): void;
  /** Plans when to draw a ticket and when to order, like one of the noted requests; undefined if none was noted. */
  plan(query: AheadQuery): TicketMoments | undefined;
}

/** By this gateway's clock. */
export interface TicketMoments {
  readonly drawnMs: number;
  readonly orderedMs: number;
}

const MAX_KINDS = 64;
/** The newest notes of each kind are kept. */
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
      // The kind without orders for longest makes room.
      kinds.delete(name);
      kinds.set(name, noted);
      if (kinds.size > MAX_KINDS) kinds.delete(kinds.keys().next().value as string);
    },
    plan(query) {
      const noted = kinds.get(nameKind(query)) ?? [];
      const like = noted[Math.floor(random() * noted.length)];
      if (like === undefined) return undefined;
      // Choose the same place in a window: tickets are drawn at its beginning, and then as they are used.
      const windows = Math.ceil((clock.nowMs() - like.drawnMs) / TICKET_WINDOW_MS) * TICKET_WINDOW_MS;
      return { drawnMs: like.drawnMs + windows, orderedMs: like.orderedMs + windows };
    },
  };
}

/** @throws the signal's reason */
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

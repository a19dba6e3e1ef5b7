import { equalBytes } from '../base/bytes.ts';
import type { TimeSpan } from '../exchange/order-span.ts';

/** An account that stands as a router on the chain, with its stake as bond. */
export interface RegisteredRouter {
  /** Hash of the hybrid key that signs its tickets. */
  readonly ticketKey: Uint8Array;
  /** Unix time in ms. */
  readonly sinceMs: number;
  /** Undefined while it does not leave. */
  readonly untilMs: number | undefined;
}

/** What the chain has about an account; undefined where it never was a router. */
export type FindRouter = (router: Uint8Array) => Promise<RegisteredRouter | undefined>;

/**
 * Why nobody takes an order of this router, in words: whoever orders could name an account of its own, and have a part of its fee
 * back. An order without a router (a zero address) pays none.
 * @param named with the hash of the key that signed the ticket, where the caller has the ticket.
 * @param span when the order may have been signed.
 * @throws what `find` throws.
 */
export async function findRouterProblem(
  find: FindRouter,
  { router, ticketKey }: { readonly router: Uint8Array; readonly ticketKey?: Uint8Array },
  { fromMs, toMs }: TimeSpan,
): Promise<string | undefined> {
  if (router.every((byte) => byte === 0)) return undefined;
  const found = await find(router);
  if (found === undefined) return 'the account that the order names as its router has no bond as one';
  if (found.sinceMs > toMs) return "the order's router had no bond yet";
  if (found.untilMs !== undefined && found.untilMs <= fromMs) return "the order's router had left";
  if (ticketKey === undefined || equalBytes(ticketKey, found.ticketKey)) return undefined;
  return "the ticket is signed by another key than the router's on the chain";
}

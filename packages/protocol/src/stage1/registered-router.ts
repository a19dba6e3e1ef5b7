import { equalBytes } from '../base/bytes.ts';
import type { TimeSpan } from '../exchange/order-span.ts';

/** An account that is registered as a router on the chain, with its stake as bond. */
export interface RegisteredRouter {
  /** Hash of the hybrid key that signs its tickets. */
  readonly ticketKey: Uint8Array;
  /** Unix time in ms. */
  readonly sinceMs: number;
  /** Undefined until it leaves. */
  readonly untilMs: number | undefined;
}

/** Finds the chain's data about an account; undefined if it never was a router. */
export type FindRouter = (router: Uint8Array) => Promise<RegisteredRouter | undefined>;

/**
 * Finds the reason that no provider accepts an order of this router, as text. Otherwise a payer could name its own account, and
 * get a part of its fee back. An order without a router (a zero address) pays none.
 * @param named with the hash of the key that signed the ticket, if the caller has the ticket.
 * @param span time in which the order may have been signed.
 * @throws the errors of `find`.
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

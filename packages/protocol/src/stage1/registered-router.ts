import { equalBytes, ProtocolError } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { hashHybridKey } from '../crypto/hybrid.ts';
import { type Order, parseOrder } from '../exchange/order.ts';
import { computeOrderSpan, type TimeSpan } from '../exchange/order-span.ts';
import type { Receipt } from './receipt.ts';
import type { Trust } from './trust.ts';

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

/**
 * Adds the router of a receipt to the reader's trust if the chain has its bond, and nobody if it has none. Routers from the reader take
 * precedence. An order without a router adds nothing. @throws the errors of `find`.
 */
export async function addRegisteredRouter(
  crypto: Crypto,
  trust: Trust,
  { order: signed, ticket }: Pick<Receipt, 'order' | 'ticket'>,
  find: FindRouter,
): Promise<Trust> {
  if (trust.routers !== undefined) return trust;
  let order: Order;
  try {
    order = parseOrder(signed.bytes);
  } catch (error) {
    // The checks will report it.
    if (error instanceof ProtocolError) return trust;
    throw error;
  }
  const { router } = order;
  if (router.every((byte) => byte === 0)) return trust;
  const ticketKey = hashHybridKey(crypto, ticket.publicKey);
  const problem = await findRouterProblem(find, { router, ticketKey }, computeOrderSpan(order));
  return { ...trust, routers: problem === undefined ? [ticketKey] : [] };
}

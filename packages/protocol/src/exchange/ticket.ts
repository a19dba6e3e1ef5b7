import { equalBytes, ProtocolError } from '../base/bytes.ts';
import { type Check, fail, isOk, pass, skip } from '../base/checks.ts';
import {
  address,
  bytes,
  type CodecType,
  createFormat,
  hash,
  plainText,
  refine,
  safeInteger,
  struct,
  u128,
} from '../base/codec.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { CLOCK_TOLERANCE_MS, MAX_ENDPOINT_BYTES, MAX_TICKET_LIFETIME_MS } from './limits.ts';
import { contextSize, modelId } from './match.ts';
import type { NamedOrder } from './order.ts';

/** Address of a node for routers and validators. */
export const endpoint = plainText(MAX_ENDPOINT_BYTES);

const ticketCodec = struct({
  /** The ledger address that is paid for the match. */
  router: address,
  modelId,
  providerId: hash,
  providerEndpoint: endpoint,
  /** SHA-256 of the TLS certificate that the provider's link must show. */
  providerCertHash: hash,
  /** The payee, whose stake counted in the draw and which is paid. */
  payee: address,
  modelRoot: hash,
  pricePer1kAtomic: u128,
  /** Tokens, as the provider announced it. */
  contextSize,
  /** The seed of the draw. The order binds the request under it. */
  replyId: bytes(16),
  /** Hash of the list that the draw ran over, see match.ts. */
  candidatesHash: hash,
  issuedAtMs: safeInteger,
  expiresAtMs: safeInteger,
});

/**
 * A router's signed answer: this provider, at this price, for this reply (docs/spec/ticket.md). It does not name the request,
 * so it may be issued before there is one. The tier is part of the model id.
 */
export interface Ticket extends CodecType<typeof ticketCodec> {}

const ticketFormat = createFormat(
  refine<Ticket>(ticketCodec, ({ issuedAtMs, expiresAtMs }) => {
    if (expiresAtMs <= issuedAtMs) throw new ProtocolError('malformed', 'ticket expires before it is issued');
  }),
  { tag: 'ogong-ticket-v1' },
);

export const encodeTicket: (ticket: Ticket) => Uint8Array = ticketFormat.encode;
export const parseTicket: (bytes: Uint8Array) => Ticket = ticketFormat.decode;

/**
 * Tickets are dated to the beginning of a window of this length. So a provider cannot tell whether a ticket was drawn for its
 * request or ahead of it.
 */
export const TICKET_WINDOW_MS = 5_000;

/**
 * Computes the dates of a ticket that is signed now.
 * @returns ms. The ticket is valid for at least `ttlMs`, if that is within the longest lifetime of a ticket.
 */
export function computeTicketTimes(nowMs: number, ttlMs: number): Pick<Ticket, 'issuedAtMs' | 'expiresAtMs'> {
  const issuedAtMs = nowMs - (nowMs % TICKET_WINDOW_MS);
  return { issuedAtMs, expiresAtMs: issuedAtMs + Math.min(TICKET_WINDOW_MS + ttlMs, MAX_TICKET_LIFETIME_MS) };
}

export interface SignedTicket {
  /** The exact bytes that were signed. */
  readonly ticket: Uint8Array;
  /** Hybrid public key, 1,344 bytes. */
  readonly routerKey: Uint8Array;
  readonly signature: Uint8Array;
}

export function signTicket(signer: HybridSigner, ticket: Ticket): SignedTicket {
  const bytes = encodeTicket(ticket);
  return { ticket: bytes, routerKey: signer.publicKey, signature: signer.sign(bytes) };
}

export interface TicketContext {
  readonly nowMs: number;
  readonly toleranceMs?: number;
  /** Hash of the router's hybrid key, if the caller knows which router it asked. */
  readonly routerId?: Uint8Array;
  /** The reply that the ticket is presented for. */
  readonly replyId?: Uint8Array;
}

export interface TicketVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Present if the bytes parse; worth nothing unless `ok`. */
  readonly ticket?: Ticket;
}

/** Verifies that a router signed a ticket, for this reply, now. */
export function verifyTicket(crypto: Crypto, signed: SignedTicket, context: TicketContext): TicketVerdict {
  let ticket: Ticket;
  try {
    ticket = parseTicket(signed.ticket);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ok: false, checks: [fail('ticket-encoding', error.message)] };
  }
  const { nowMs, toleranceMs = CLOCK_TOLERANCE_MS } = context;
  const { routerKey: publicKey, signature } = signed;
  const checks = [
    pass('ticket-encoding', 'canonical'),
    verifyHybrid(crypto, { publicKey, message: signed.ticket, signature })
      ? pass('ticket-signature', 'signed by the router key')
      : fail('ticket-signature', 'not signed by the router key'),
    matches('ticket-router', context.routerId, hashHybridKey(crypto, publicKey)),
    matches('ticket-reply', context.replyId, ticket.replyId),
    ticket.issuedAtMs <= nowMs + toleranceMs
      ? pass('ticket-issued', `issued at ${ticket.issuedAtMs}`)
      : fail('ticket-issued', `issued ${ticket.issuedAtMs - nowMs} ms in the future, by this machine's clock`),
    ticket.expiresAtMs > nowMs - toleranceMs
      ? pass('ticket-expiry', `expires at ${ticket.expiresAtMs}`)
      : fail('ticket-expiry', `expired ${nowMs - ticket.expiresAtMs} ms ago, by this machine's clock`),
    // Otherwise a router could write an old date, for which no contract convicts it (docs/spec/cases.md).
    ticket.expiresAtMs - ticket.issuedAtMs <= MAX_TICKET_LIFETIME_MS
      ? pass('ticket-lifetime', `${ticket.expiresAtMs - ticket.issuedAtMs} ms`)
      : fail('ticket-lifetime', `${ticket.expiresAtMs - ticket.issuedAtMs} ms, above ${MAX_TICKET_LIFETIME_MS}`),
  ];
  return { ok: isOk(checks), checks, ticket };
}

function matches(id: string, expected: Uint8Array | undefined, actual: Uint8Array): Check {
  if (expected === undefined) return skip(id, 'the caller expects none in particular');
  return equalBytes(expected, actual) ? pass(id, 'as expected') : fail(id, 'not the expected one');
}

/** Returns whether the router's answer matches the payer's order: the same reply, provider, payee, model and price. */
export function isTicketOfOrder(ticket: Ticket, order: NamedOrder, wantedModelId: string): boolean {
  return (
    ticket.modelId === wantedModelId &&
    equalBytes(ticket.replyId, order.replyId) &&
    equalBytes(ticket.providerId, order.providerId) &&
    equalBytes(ticket.payee, order.payee) &&
    ticket.contextSize === order.contextSize &&
    equalBytes(ticket.modelRoot, order.modelRoot) &&
    equalBytes(ticket.router, order.router) &&
    ticket.pricePer1kAtomic === order.pricePer1kAtomic
  );
}

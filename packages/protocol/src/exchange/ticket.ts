import { createReader, createWriter, equalBytes, ProtocolError } from '../base/bytes.ts';
import { assertPlainText, encodeDomain, readDomain, readSafe, writeSafe } from '../base/canonical.ts';
import { type Check, fail, isOk, pass, skip } from '../base/checks.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { MAX_MODEL_ID_BYTES, parseModelId } from './match.ts';

/**
 * A router's signed answer: this provider, at this price, for this request (docs/spec/ticket.md). The tier is part of
 * the model id.
 */
export interface Ticket {
  /** 20 bytes: the ledger address that is paid for the match. */
  readonly router: Uint8Array;
  readonly modelId: string;
  readonly providerId: Uint8Array;
  readonly providerEndpoint: string;
  /** SHA-256 of the provider's TLS certificate: what the link must show. */
  readonly providerCertHash: Uint8Array;
  /** 20 bytes: by whose stake it was drawn, and who is to be paid. */
  readonly payee: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly pricePer1kAtomic: bigint;
  /** Tokens, as the provider announced it. */
  readonly contextSize: number;
  /** 16 bytes. */
  readonly replyId: Uint8Array;
  readonly requestHash: Uint8Array;
  /** Of the list that the draw ran over, see match.ts. */
  readonly candidatesHash: Uint8Array;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export const MAX_ENDPOINT_BYTES = 255;
/** How far apart the clocks of router and reader may be. */
export const CLOCK_TOLERANCE_MS = 30_000;

const DOMAIN = encodeDomain('ogong-ticket-v2');

/** @throws ProtocolError */
export function encodeTicket(ticket: Ticket): Uint8Array {
  assertTicket(ticket);
  const writer = createWriter(512)
    .bytes(DOMAIN)
    .bytes(ticket.router, 20)
    .text(ticket.modelId)
    .bytes(ticket.providerId, 32)
    .text(ticket.providerEndpoint)
    .bytes(ticket.providerCertHash, 32)
    .bytes(ticket.payee, 20)
    .bytes(ticket.modelRoot, 32)
    .u128(ticket.pricePer1kAtomic)
    .u32(ticket.contextSize)
    .bytes(ticket.replyId, 16)
    .bytes(ticket.requestHash, 32)
    .bytes(ticket.candidatesHash, 32);
  return writeSafe(writeSafe(writer, ticket.issuedAtMs), ticket.expiresAtMs).finish();
}

/** @throws ProtocolError */
export function parseTicket(bytes: Uint8Array): Ticket {
  const reader = createReader(bytes);
  readDomain(reader, DOMAIN, 'ticket');
  const ticket: Ticket = {
    router: reader.bytes(20),
    modelId: reader.text(MAX_MODEL_ID_BYTES),
    providerId: reader.bytes(32),
    providerEndpoint: reader.text(MAX_ENDPOINT_BYTES),
    providerCertHash: reader.bytes(32),
    payee: reader.bytes(20),
    modelRoot: reader.bytes(32),
    pricePer1kAtomic: reader.u128(),
    contextSize: reader.u32(),
    replyId: reader.bytes(16),
    requestHash: reader.bytes(32),
    candidatesHash: reader.bytes(32),
    issuedAtMs: readSafe(reader),
    expiresAtMs: readSafe(reader),
  };
  reader.end();
  assertTicket(ticket);
  return ticket;
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
  /** Hash of the router's hybrid key, where the caller knows which router it asked. */
  readonly routerId?: Uint8Array;
  /** The request that the ticket is presented for. */
  readonly replyId?: Uint8Array;
  readonly requestHash?: Uint8Array;
}

export interface TicketVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Present where the bytes parse; worth nothing unless `ok`. */
  readonly ticket?: Ticket;
}

/** Whether a ticket is what a router signed, for this request, now. */
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
    matches('ticket-request', context.requestHash, ticket.requestHash),
    ticket.issuedAtMs <= nowMs + toleranceMs
      ? pass('ticket-issued', `issued at ${ticket.issuedAtMs}`)
      : fail('ticket-issued', `issued ${ticket.issuedAtMs - nowMs} ms in the future, by the clock here`),
    ticket.expiresAtMs > nowMs - toleranceMs
      ? pass('ticket-expiry', `expires at ${ticket.expiresAtMs}`)
      : fail('ticket-expiry', `expired ${nowMs - ticket.expiresAtMs} ms ago, by the clock here`),
  ];
  return { ok: isOk(checks), checks, ticket };
}

function matches(id: string, expected: Uint8Array | undefined, actual: Uint8Array): Check {
  if (expected === undefined) return skip(id, 'the caller expects none in particular');
  return equalBytes(expected, actual) ? pass(id, 'as expected') : fail(id, 'another one than expected');
}

function assertTicket(ticket: Ticket): void {
  parseModelId(ticket.modelId);
  assertPlainText(ticket.providerEndpoint, MAX_ENDPOINT_BYTES, 'endpoint');
  if (ticket.providerEndpoint === '') throw new ProtocolError('malformed', 'ticket without an endpoint');
  if (ticket.contextSize < 1) throw new ProtocolError('out-of-range', 'context of no tokens');
  if (ticket.expiresAtMs <= ticket.issuedAtMs)
    throw new ProtocolError('malformed', 'ticket expires before it is issued');
}

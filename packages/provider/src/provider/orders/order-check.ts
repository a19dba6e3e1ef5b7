import { Refusal, type RefusalCode } from '@ogong/host/link/link-error';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { assertFeeFloor, FeeError } from '@ogong/protocol/exchange/fee';
import {
  isEpochNear,
  MAX_CACHE_SCOPE_BYTES,
  MAX_ORDER_LIFETIME_MS,
  MAX_REQUEST_BYTES,
} from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { type LedgerDomain, type NamedOrder, nameOrder, parseOrder, verifyOrder } from '@ogong/protocol/exchange/order';
import { isTicketOfOrder, type Ticket, verifyTicket } from '@ogong/protocol/exchange/ticket';
import type { GenerateRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findStandbyProblem, findUnmetDemand } from '@ogong/protocol/modality/demands';
import { NO_MEDIA } from '@ogong/protocol/modality/media/media';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { getTier } from '@ogong/protocol/tier/registry';
import type { CheckedOrder, OpenedMessage, ReadRequest, VerifiedOrder } from '../../modality/order-job.ts';

export interface ServedModel {
  /** `ogong/<tier>/<maker>/<model>` */
  readonly id: string;
  readonly root: Uint8Array;
  readonly numericClass: string;
  readonly pricePer1kAtomic: bigint;
  /** Default: it serves nobody who may not take the answer. */
  readonly standbyPer1kAtomic?: bigint | undefined;
  /** Tokens of prompt and reply. */
  readonly contextSize: number;
}

export interface OrderTerms {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  readonly model: ServedModel;
  readonly findValidator: (address: Uint8Array) => QuorumMember | undefined;
  readonly latestEpoch: bigint;
  readonly nowMs: number;
}

const NOTHING = new Uint8Array();

/**
 * Checks everything about an order that needs neither its request nor the chain.
 * @throws Refusal naming the first check that failed.
 */
export function checkOrder(message: GenerateRequest, terms: OrderTerms): VerifiedOrder {
  const { crypto, model, providerId, payee, nowMs } = terms;
  assertOrder(
    message.cacheScope.length <= MAX_CACHE_SCOPE_BYTES,
    'invalid',
    `a cache scope has at most ${MAX_CACHE_SCOPE_BYTES} bytes`,
  );
  const order = nameOrder(
    crypto,
    terms.ledger,
    parse('order', () => parseOrder(message.order?.order ?? NOTHING)),
  );
  assertOrder(equalBytes(order.providerId, providerId), 'invalid', 'the order names another provider');
  assertOrder(
    order.expiresAtMs > BigInt(nowMs),
    'precondition',
    `the order has expired ${BigInt(nowMs) - order.expiresAtMs} ms ago, by this machine's clock`,
  );
  assertOrder(
    order.expiresAtMs <= BigInt(nowMs + MAX_ORDER_LIFETIME_MS),
    'invalid',
    `the order lives longer than ${MAX_ORDER_LIFETIME_MS / 60_000} minutes, by this machine's clock`,
  );
  if (!equalBytes(order.modelRoot, model.root)) refuseUnknownRoot(order.modelRoot);
  assertOrder(
    order.pricePer1kAtomic >= model.pricePer1kAtomic,
    'precondition',
    `the order pays ${order.pricePer1kAtomic} per 1k tokens, the price is ${model.pricePer1kAtomic}`,
  );
  assertFloor(terms.ledger, order);
  assertOrder(
    equalBytes(order.payee, payee),
    'precondition',
    `the order names payee 0x${toHex(order.payee)}; this provider's is 0x${toHex(payee)}`,
  );
  assertOrder(
    // Less would be as wrong: a reply that uses more than the order names fails its check.
    order.contextSize === model.contextSize,
    'precondition',
    `the order counts on a context of ${order.contextSize} tokens, here it holds ${model.contextSize}`,
  );
  assertOrder(
    isEpochNear(order.epoch, terms.latestEpoch),
    'precondition',
    `the order is of epoch ${order.epoch}, the beacon is at ${terms.latestEpoch}`,
  );
  const validator = terms.findValidator(order.validator);
  if (validator === undefined) {
    throw new Refusal(
      'precondition',
      `0x${toHex(order.validator)} is not a registered validator that this provider works with`,
    );
  }
  // The expensive checks come last, after all cheap ones.
  const ticket = checkTicket(message, order, terms);
  assertOrder(
    verifyOrder(crypto, order, message.order?.signature ?? NOTHING),
    'invalid',
    'the order is not signed by its payer for this chain and escrow',
  );
  assertOrder(
    message.sealed.length > 0 || getTier(parseModelId(model.id).tier).channel !== 'sealed',
    'precondition',
    'this tier takes sealed requests alone',
  );
  return { order, ticket, validator };
}

/**
 * Parses the request of a verified order, and checks it against the order. The request's hash covers fields that only a
 * parser finds, so it is compared after parsing. For that reason the payer's money is checked before (order-payment.ts).
 * @throws Refusal naming the first check that failed.
 */
export function checkRequest<R>(
  opened: OpenedMessage,
  verified: VerifiedOrder,
  { crypto, model }: Pick<OrderTerms, 'crypto' | 'model'>,
  read: ReadRequest<R>,
): CheckedOrder<R> {
  const { order } = verified;
  const { endpoint, body } = opened;
  assertOrder(body.length <= MAX_REQUEST_BYTES, 'invalid', `a request has at most ${MAX_REQUEST_BYTES} bytes`);
  // From here on a client's sealed content may be at fault, which its gateway cannot know of: see toProviderError.
  const { request, asked, choices } = parse('request', () => read(body, endpoint, order));
  assertOrder(
    equalBytes(
      parse('request', () => hashReadRequest(crypto, asked, body)),
      order.requestHash,
    ),
    'invalid',
    'the order is for another request than the one sent',
  );
  assertOrder(asked.model === model.id, 'invalid', `this provider serves ${model.id}, not ${asked.model}`);
  const unmet = findUnmetDemand(asked.demands, { numericClass: model.numericClass, modelRoot: model.root });
  assertOrder(unmet === undefined, 'invalid', unmet ?? '');
  const unsold = findStandbyProblem(asked.demands, model);
  assertOrder(unsold === undefined, 'precondition', unsold ?? '');
  const suite = asked.preference?.sealSuite;
  const is = opened.sealer ? `under suite ${opened.sealer.suite}` : 'in plain';
  assertOrder(
    suite === undefined || suite === opened.sealer?.suite,
    'invalid',
    `the request demands seal suite ${suite}, and came ${is}`,
  );
  assertOrder(order.choice < choices, 'invalid', 'the order is for a choice that was not asked for');
  // They are read after these checks, see receiveMedia.
  return { ...opened, ...verified, request, demands: asked.demands, media: NO_MEDIA };
}

/** @throws Refusal */
export function refuseUnknownRoot(modelRoot: Uint8Array): never {
  throw new Refusal('not-found', `this provider does not serve model root ${toHex(modelRoot)}`);
}

function checkTicket(
  message: GenerateRequest,
  order: NamedOrder,
  { crypto, providerId, model, nowMs }: OrderTerms,
): Ticket {
  const { replyId } = order;
  const signed = message.ticket ?? { ticket: NOTHING, routerKey: NOTHING, signature: NOTHING };
  const { ok, checks, ticket } = verifyTicket(crypto, signed, { nowMs, replyId });
  if (!ok || ticket === undefined) {
    const failed = checks.find(({ status }) => status === 'fail');
    throw new Refusal('precondition', `the ticket does not hold: ${failed?.id}: ${failed?.detail}`);
  }
  assertOrder(equalBytes(ticket.providerId, providerId), 'invalid', 'the ticket names another provider');
  assertOrder(
    isTicketOfOrder(ticket, order, model.id),
    'invalid',
    'ticket and order disagree on model, router, payee, context or price',
  );
  return ticket;
}

function assertFloor(ledger: LedgerDomain, order: NamedOrder): void {
  try {
    assertFeeFloor(ledger, order);
  } catch (error) {
    if (error instanceof FeeError) throw new Refusal('precondition', error.message);
    throw error;
  }
}

function assertOrder(holds: boolean, code: RefusalCode, message: string): void {
  if (!holds) throw new Refusal(code, message);
}

function parse<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RequestError) {
      throw new Refusal('invalid', `${what}: ${error.message}`);
    }
    throw error;
  }
}

import { equalBytes, ProtocolError } from '../base/bytes.ts';
import type { CommonHeader } from '../commitment/common-header.ts';
import { hashRecord } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type Delivery, openDelivery, type SignedDelivery } from '../exchange/delivery.ts';
import type { LedgerDomain, NamedOrder } from '../exchange/order.ts';
import type { VerdictEntry } from '../settlement/verdict-log.ts';
import { assertRecordNames, type BoundRecord, ClaimError, openBoundRecord, type SignedOrder } from './claim.ts';

/** A payer's delivery statement, with the record that it has. */
export interface DeliveredReply {
  readonly order: SignedOrder;
  readonly delivery: SignedDelivery;
  readonly bound: BoundRecord;
}

interface DeliveryContext {
  readonly ledger: LedgerDomain;
  readonly order: NamedOrder;
}

/**
 * Verifies a payer's delivery statement and its record. The order's provider must have signed the record, about this order,
 * with the tokens of its header. A hash alone would prove nothing, since anybody can make one up.
 * @throws ClaimError
 */
export function verifyDelivery(
  crypto: Crypto,
  context: DeliveryContext,
  { bound, ...signed }: SignedDelivery & { readonly bound: BoundRecord },
): Delivery {
  const delivery = verifySignedDelivery(crypto, context, signed);
  assertDeliveredRecord(crypto, delivery, bound);
  const { record, header } = openBoundRecord(crypto, context.order, bound);
  assertRecordNames(record, context.order);
  assertDeliveredTokens(delivery, header);
  return delivery;
}

/** Verifies the delivery statement alone, signed by the payer of this order. @throws ClaimError */
export function verifySignedDelivery(
  crypto: Crypto,
  { ledger, order }: DeliveryContext,
  signed: SignedDelivery,
): Delivery {
  const { payer, validator } = order;
  const delivery = open(crypto, { ledger, payer, validator }, signed);
  demand(delivery !== undefined, "the delivery is not signed by the order's payer");
  demand(equalBytes(delivery.orderHash, order.orderHash), 'the delivery is about another order');
  return delivery;
}

/** @throws ClaimError */
export function assertDeliveredRecord(
  crypto: Crypto,
  { recordHash }: Pick<Delivery, 'recordHash'>,
  { record }: Pick<BoundRecord, 'record'>,
): void {
  demand(equalBytes(recordHash, hashRecord(crypto, record)), 'the delivery names another record');
}

/** Asserts that the payer agrees to the billed tokens. @throws ClaimError */
export function assertDeliveredTokens(
  delivery: Pick<Delivery, 'promptTokenCount' | 'outputTokenCount'>,
  header: Pick<CommonHeader, 'promptTokenCount' | 'outputTokenCount'>,
): void {
  const isSame =
    delivery.promptTokenCount === header.promptTokenCount && delivery.outputTokenCount === header.outputTokenCount;
  demand(isSame, 'the delivery counts other tokens than the header');
}

const ZERO_HASH = new Uint8Array(32);

/**
 * Returns whether an entry is about another record than the payer has. Exact evidence rejects for any record that it covers. If
 * the provider submitted no record, there is no contradiction.
 */
export function isContradicted(
  { verdict, evidence, recordHash: judged }: Pick<VerdictEntry, 'verdict' | 'evidence' | 'recordHash'>,
  { recordHash }: Pick<Delivery, 'recordHash'>,
): boolean {
  if (equalBytes(judged, ZERO_HASH) || (verdict === 'reject' && evidence === 'exact')) return false;
  return !equalBytes(judged, recordHash);
}

function open(crypto: Crypto, context: Parameters<typeof openDelivery>[1], signed: SignedDelivery) {
  try {
    return openDelivery(crypto, context, signed);
  } catch (cause) {
    if (cause instanceof ProtocolError) throw new ClaimError('malformed', `delivery: ${cause.message}`, { cause });
    throw cause;
  }
}

function demand(ok: boolean, message: string): asserts ok {
  if (!ok) throw new ClaimError('delivery', message);
}

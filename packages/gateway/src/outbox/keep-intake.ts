import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashDelivery, parseDelivery } from '@ogong/protocol/exchange/delivery';
import { verifyHeld } from '@ogong/protocol/exchange/held-delivery';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import type { AcknowledgeRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { checkIntake } from '@ogong/protocol/verdict/receipt/settled';
import type { ReceiptStore } from '../books/receipt-store.ts';
import { readOrder } from './read-order.ts';

export interface KeepWordDependencies {
  readonly receipts: Pick<ReceiptStore, 'complete'>;
  readonly chain: Pick<ChainView, 'ledger' | 'findByAddress'>;
}

/**
 * Keeps a validator's signed confirmation of this gateway's delivery, beside the receipt.
 * @throws LinkError for an invalid signature: the delivery is repeated then.
 */
export async function keepHeld(
  { receipts, chain }: Pick<KeepWordDependencies, 'chain'> & { readonly receipts: Pick<ReceiptStore, 'hold'> },
  { order, delivery }: Pick<AcknowledgeRequest, 'order' | 'delivery'>,
  { validator, signature }: { readonly validator: Uint8Array; readonly signature: Uint8Array },
): Promise<void> {
  const { ledger } = chain;
  if (order === undefined || delivery === undefined) return;
  const { replyId } = readOrder(ledger, order);
  const digest = hashDelivery(crypto, ledger, parseDelivery(delivery.delivery));
  const signingKey = chain.findByAddress(validator)?.signingKey ?? validator;
  if (!verifyHeld(crypto, { ledger, signingKey }, { validator, delivery: digest, signature })) {
    throw new LinkError('remote', 'a validator acknowledged a delivery and did not sign that it keeps it');
  }
  await receipts.hold(toHex(replyId), {
    ...{ validator: toHex(validator), delivery: delivery.delivery, payerSignature: delivery.signature, signature },
  });
}

/**
 * Completes a stored receipt by the validator's signature for the record. A receipt that has expired meanwhile needs none.
 * @param told the gateway's delivery: order, admission and record are those of the receipt.
 * @throws LinkError if the signature is for another record: the delivery is repeated then.
 */
export async function keepIntake(
  { receipts, chain }: KeepWordDependencies,
  { order: signed, admission, record }: Pick<AcknowledgeRequest, 'order' | 'admission' | 'record'>,
  intake: IntakeSignature,
): Promise<void> {
  const { ledger } = chain;
  if (signed === undefined || admission === undefined || record === undefined) return;
  const order = readOrder(ledger, signed);
  const { epoch, signature } = intake;
  const signingKeys = [chain.findByAddress(order.validator)?.signingKey ?? order.validator];
  const held = { order, ledger, admission, record: record.record };
  const check = checkIntake(crypto, held, { epoch, signature, signingKeys });
  if (check.status !== 'pass') throw new LinkError('remote', `the validator acknowledged a delivery: ${check.detail}`);
  await receipts.complete(toHex(order.replyId), { epoch, signature }, check);
}

import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import type { IntakeWord } from '@ogong/protocol/exchange/intake-receipt';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { checkIntake } from '@ogong/protocol/verdict/settled';
import type { ReceiptStore } from './receipt-store.ts';

export interface KeepIntakeDependencies {
  readonly receipts: Pick<ReceiptStore, 'get' | 'complete'>;
  readonly chain: Pick<ChainView, 'ledger' | 'findByAddress'>;
}

/**
 * Completes a stored receipt by the validator's word that it has the record. A receipt that has expired meanwhile needs none.
 * @param order the signed bytes.
 * @throws LinkError where the validator did not sign for this record: then it is asked again.
 */
export async function keepIntake(
  { receipts, chain }: KeepIntakeDependencies,
  orderBytes: Uint8Array,
  intake: IntakeWord,
): Promise<void> {
  const { ledger } = chain;
  const order = nameOrder(crypto, ledger, parseOrder(orderBytes));
  const replyId = toHex(order.replyId);
  const stored = receipts.get(replyId);
  if (stored === undefined || stored.receipt.intake) return;
  const { admission, record } = stored.receipt;
  const { epoch, signature } = intake;
  const signingKeys = [chain.findByAddress(order.validator)?.signingKey ?? order.validator];
  const held = { order, ledger, admission, record: record.bytes };
  const check = checkIntake(crypto, held, { epoch, signature, signingKeys });
  if (check.status !== 'pass') throw new LinkError('remote', `the validator acknowledged a delivery: ${check.detail}`);
  await receipts.complete(replyId, { epoch, signature }, check);
}

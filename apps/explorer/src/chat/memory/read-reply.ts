import { fromBase64, toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { isLocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import { MAX_RECEIPT_BYTES } from '@ogong/protocol/stage1/receipt';

/** Characters of base64. */
const MAX_RECEIPT_TEXT = Math.ceil(MAX_RECEIPT_BYTES / 3) * 4;

/**
 * Returns the reply of a receipt, hex; undefined for a receipt of local mode, which no network knows.
 * @param receipt base64.
 * @param hash of the receipt that the memory names, hex.
 * @throws Error if the receipt is another one, or cannot be read.
 */
export function readReplyId(receipt: string, hash: string): string | undefined {
  if (receipt.length > MAX_RECEIPT_TEXT) throw new Error('the receipt is too large');
  const bytes = fromBase64(receipt);
  if (toHex(crypto.sha256(bytes)) !== hash) throw new Error('the gateway sent another receipt than the memory names');
  const parsed = parseAnyReceipt(bytes);
  if (isLocalReceipt(parsed)) return undefined;
  return toHex(nameOrder(crypto, parsed.ledger, parseOrder(parsed.order.bytes)).replyId);
}

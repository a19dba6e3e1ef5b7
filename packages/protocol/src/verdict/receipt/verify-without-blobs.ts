import { BLOB_CHECKS } from '../../modality/registry.ts';
import type { Receipt } from '../../stage1/receipt.ts';
import { type ReceiptContext, type ReceiptVerdict, verifyReceipt } from './verify-receipt.ts';

/**
 * Verifies a receipt for a reader that has no blobs. A provider delivers the blobs of a reply to its payer's gateway, validators and
 * witnesses alone, and keeps them for a day. So the checks that read blobs are skipped, and the verdict lists them under `allowed`.
 */
export function verifyWithoutBlobs(receipt: Receipt, context: Omit<ReceiptContext, 'blobs'>): Promise<ReceiptVerdict> {
  const { trust = {} } = context;
  return verifyReceipt(receipt, { ...context, trust: { ...trust, allow: [...(trust.allow ?? []), ...BLOB_CHECKS] } });
}

import { fromBase64 } from '@ogong/protocol/base/bytes';
import { isLocalReceipt, parseAnyReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { ReceiptVerdict } from '@ogong/sdk';
import { type NetworkTrustSources, readNetworkTrust } from '../../check/network-trust.ts';
import { checkReceiptFile } from '../../check/receipt-file.ts';
import type { ProvenCall } from './parse-memory.ts';

/** Checks the receipt of a call as the page of dropped receipts does. @throws ProtocolError if it cannot be read. */
export async function checkCall(
  { receipt: encoded, request, response }: ProvenCall,
  { reader, deployment, ledger }: Partial<NetworkTrustSources>,
): Promise<ReceiptVerdict> {
  const receipt = parseAnyReceipt(fromBase64(encoded));
  const trust =
    reader && deployment && ledger && !isLocalReceipt(receipt)
      ? await readNetworkTrust(receipt, { reader, deployment, ledger })
      : {};
  const file = { receipt, request: fromBase64(request), response: fromBase64(response), status: undefined };
  return checkReceiptFile({ ...file, blobs: new Map() }, { trust, nowMs: Date.now() });
}

import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { type Check, fail } from '@ogong/protocol/base/checks';
import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { isLocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { checkPart, type VerifiedPart } from '@ogong/protocol/verdict/receipt/answer-part';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { completeReceipt, readReceiptFile, toPlainBytes } from './receipt-file.ts';

type Reply = Omit<VerifiedPart, 'verdict'>;

/** Adds whether the parts that other providers gave first belong to this answer. @param verify checks the receipt of one. */
export async function addParts(
  verdict: ReceiptVerdict,
  { parts, gateway, ...whole }: Reply & { readonly parts: readonly string[]; readonly gateway: string },
  verify: (part: Reply) => Promise<ReceiptVerdict>,
): Promise<ReceiptVerdict> {
  const checks: Check[] = [];
  for (const id of parts) {
    const part = await fetchPart(id, gateway);
    checks.push('detail' in part ? part : checkPart(nodeCrypto, whole, { ...part, verdict: await verify(part) }));
  }
  const ok = verdict.ok && checks.every(({ status }) => status === 'pass');
  return { ...verdict, checks: [...verdict.checks, ...checks], ok };
}

async function fetchPart(id: string, gateway: string): Promise<Reply | Check> {
  const url = new URL(formatPath(GATEWAY_ROUTES.receipt, { id }), gateway).href;
  const { receipt, request, response } = await readReceiptFile(url);
  if (isLocalReceipt(receipt) || request === undefined || response === undefined) {
    return fail('earlier-part', `${url}: no receipt of a part with its request and response`);
  }
  const opened: Receipt = await completeReceipt(receipt, { gateway });
  return { receipt: opened, request: toPlainBytes(request), response: toPlainBytes(response) };
}

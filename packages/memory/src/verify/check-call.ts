import { createHash } from 'node:crypto';
import { type Check, check, fail, pass, skip } from '@ogong/protocol/base/checks';
import { WITHOUT_NETWORK } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import { isLocalReceipt, parseAnyReceipt, type Trust, verifyLocalReceipt, verifyReceipt } from '@ogong/sdk';
import type { StoredEvidence } from '../memory.ts';

export interface CallTrust {
  readonly trust?: Trust;
  /** Ids of checks that may be skipped, of receipts and of memories. `network` stands for the checks that local mode lacks. */
  readonly allow?: readonly string[];
  /** Unix time, ms. */
  readonly nowMs: number;
}

interface CheckedCall {
  readonly checks: readonly Check[];
  /** The call, if its receipt did not fail. */
  readonly call: StoredEvidence | undefined;
}

/** Endpoints of the calls. A receipt of another one is about another field of the same request. */
const CALL_ENDPOINTS = { extraction: 'chat', vector: 'embedding', update: 'chat' } as const;
type CallName = keyof typeof CALL_ENDPOINTS;

/** Checks that a call is the named one, and its receipt. */
export async function checkCall(
  name: CallName,
  id: string,
  { call, ...trust }: CallTrust & { readonly call: StoredEvidence | undefined },
): Promise<CheckedCall> {
  const receiptId = `${name}-receipt`;
  if (call === undefined) return { checks: [skip(receiptId, 'the call was erased')], call };
  const isNamed = createHash('sha256').update(call.receipt).digest('hex') === id;
  const named = check(`${name}-call`, isNamed, ['the memory names this receipt', 'the memory names another receipt']);
  if (!isNamed) return { checks: [named], call: undefined };
  const found = await checkReceipt(receiptId, { call, endpoint: CALL_ENDPOINTS[name], ...trust });
  return { checks: [named, found], call: found.status === 'fail' ? undefined : call };
}

async function checkReceipt(
  id: string,
  {
    call,
    endpoint,
    trust,
    allow = [],
    nowMs,
  }: CallTrust & { readonly call: StoredEvidence; readonly endpoint: string },
): Promise<Check> {
  try {
    const receipt = parseAnyReceipt(call.receipt);
    if (receipt.endpoint !== endpoint) return fail(id, `the receipt is of endpoint ${receipt.endpoint}`);
    const { request, response } = call;
    const input = { request, response, allow, nowMs, ...(trust && { trust }) };
    const { ok, checks, missing } = isLocalReceipt(receipt)
      ? verifyLocalReceipt(receipt, input)
      : await verifyReceipt(receipt, input);
    const failed = checks.find(({ status }) => status === 'fail');
    if (failed !== undefined) return fail(id, `${failed.id}: ${failed.detail}`);
    if (!ok) return skip(id, `not checked: ${missing.join(', ')}`);
    return pass(
      id,
      isLocalReceipt(receipt) ? `unsigned, of local mode (${WITHOUT_NETWORK})` : 'signed, and its checks pass',
    );
  } catch (error) {
    return fail(id, `it cannot be read: ${(error as Error).message}`);
  }
}

import { equalBytes, toHex } from '../../base/bytes.ts';
import { type Check, fail, pass } from '../../base/checks.ts';
import { parseRecordV2 } from '../../commitment/record.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { nameOrder, parseOrder } from '../../exchange/order.ts';
import type { Receipt } from '../../stage1/receipt.ts';
import type { ReceiptVerdict } from './verify-receipt.ts';

/** A reply with its receipt, whose own checks are `verdict`. */
export interface VerifiedPart {
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly verdict: Pick<ReceiptVerdict, 'ok' | 'checks' | 'missing'>;
}

/**
 * Checks whether an earlier try is a part of this answer (docs/spec/progress.md#milestones). Its provider's signature from the
 * moment that it broke off must be valid by itself. It must answer the same request under its own order, and its text must be
 * the beginning of the answer. Then both are one answer.
 */
export function checkPart(crypto: Crypto, whole: Omit<VerifiedPart, 'verdict'>, part: VerifiedPart): Check {
  const id = 'earlier-part';
  const failed = part.verdict.checks.find(({ status }) => status === 'fail');
  if (failed) return fail(id, `its own check ${failed.id} failed: ${failed.detail}`);
  if (!part.verdict.ok) return fail(id, `not checked: ${part.verdict.missing.join(', ')}`);
  const { receipt, request, response } = part;
  const name = (one: Receipt) => nameOrder(crypto, one.ledger, parseOrder(one.order.bytes));
  const [own, other] = [name(whole.receipt), name(receipt)];
  if (parseRecordV2(receipt.record.bytes).isMilestone === undefined)
    return fail(id, 'a whole reply, and no milestone of one');
  if (!equalBytes(request, whole.request)) return fail(id, 'it answers another request');
  if (equalBytes(own.replyId, other.replyId)) return fail(id, 'it is of the same order');
  if (own.choice !== other.choice) return fail(id, 'it is another choice of the answer');
  const begins =
    response.length <= whole.response.length && equalBytes(response, whole.response.subarray(0, response.length));
  if (!begins) return fail(id, 'the answer does not begin with its text');
  const provider = toHex(other.providerId).slice(0, 16);
  return pass(
    id,
    `the first ${response.length} of ${whole.response.length} bytes came from provider ${provider}, which signed for them`,
  );
}

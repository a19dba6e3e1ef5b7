import { formatTokens } from '@ogong/protocol/base/amount';
import { countChecks } from '@ogong/protocol/verdict/check-count';
import { readCheckedFee } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { CheckedReply } from '@ogong/sdk';
import { z } from 'zod';

/** The receipt of an answer, as tools show it. */
export const receiptShape = {
  reply_id: z.string().describe('id of the reply; its receipt is at GET /v1/receipts/<id> of the gateway'),
  fee_atomic: z.string().nullable().describe('fee by the receipt, atomic units'),
  checks_passed: z.number().int(),
  checks_skipped: z.array(z.string()).describe('checks that the user of this server does without'),
};

export const showReceipt = ({ replyId, checks, allowed }: CheckedReply) => ({
  reply_id: replyId,
  fee_atomic: readCheckedFee(checks)?.toString() ?? null,
  checks_passed: countChecks(checks).passed,
  checks_skipped: [...allowed],
});

/** One line for a model or a person. */
export function describeReceipt(shown: ReturnType<typeof showReceipt>): string {
  const skipped = shown.checks_skipped.length === 0 ? '' : `, done without ${shown.checks_skipped.join(', ')}`;
  const fee = shown.fee_atomic === null ? '' : `, fee ${formatTokens(BigInt(shown.fee_atomic))} OGONG`;
  return `receipt ${shown.reply_id}: ${shown.checks_passed} checks passed${skipped}${fee}`;
}

import type { ApiContext } from '@ogong/host/http/api-app';
import { readWhole } from '@ogong/host/openai/read-choice';
import type { Check } from '@ogong/protocol/base/checks';
import { RECEIPT_HEADER, RECEIPT_INLINE, type SettlementType } from '@ogong/protocol/http/routes';
import type { AnswerTerms } from '@ogong/protocol/modality/text/answer/answer-parser';
import { type ReceiptJson, toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { CallTerms } from '../books/call-store.ts';
import { receiptPath, toCompactReceipt } from '../books/receipt-store.ts';
import type { BoughtAnswer, BoughtReply } from '../buy/reply.ts';
import { type FailedTryJson, type PaymentJson, toFailedTryJson, toPaymentJson } from './receipt-json.ts';

/**
 * The field `ogong` of an answer's body, or of the last chunk of a stream. Checks and receipt are present if the client asks for
 * them.
 */
export interface OgongField {
  readonly receipts: readonly {
    readonly reply_id: string;
    readonly url: string;
    readonly output_tokens: number;
    /** Times from the order to the first part of the answer and to its last token, by the gateway's own clock. */
    readonly first_token_ms: number;
    readonly took_ms: number;
    readonly checks?: readonly Check[];
    readonly receipt?: ReceiptJson;
    /** The model's text, if the shown content is not all of it. */
    readonly response?: string;
    /** Failed orders of the same answer, if there were any. */
    readonly earlier_tries?: readonly FailedTryJson[];
  }[];
  readonly settlement_type: SettlementType;
  /** Absent if a key pays. */
  readonly payment?: PaymentJson;
}

/** Whether the caller checks the answer while it arrives. */
export function isInline({ req }: ApiContext): boolean {
  return req.header(RECEIPT_HEADER) === RECEIPT_INLINE;
}

/** @param terms those of the call. `answer`: the rules for reading texts; undefined for vectors and scores. */
export function toOgongField(
  context: ApiContext,
  replies: readonly (BoughtAnswer | BoughtReply)[],
  { answer, settlementType, payment }: CallTerms & { readonly answer?: AnswerTerms | undefined },
): OgongField {
  const withReceipt = isInline(context);
  return {
    receipts: replies.map((reply) => {
      const { replyId, outputTokens, timing, receipt, checks, earlierTries } = reply;
      const tries = earlierTries && { earlier_tries: earlierTries.map(toFailedTryJson) };
      const measured = { output_tokens: outputTokens, first_token_ms: timing.firstMs, took_ms: timing.tookMs };
      const listed = { reply_id: replyId, url: receiptPath(replyId), ...measured, ...tries };
      if (!withReceipt) return listed;
      const response = answer && 'text' in reply ? findHidden(reply, answer) : {};
      return { ...listed, checks, receipt: toReceiptJson(toCompactReceipt(receipt, replyId)), ...response };
    }),
    settlement_type: settlementType,
    ...(payment && { payment: toPaymentJson(payment) }),
  };
}

/** A client that checks the receipt needs the signed text, which the shown content may not contain in full. */
const findHidden = (reply: BoughtReply, terms: AnswerTerms): { readonly response?: string } =>
  readWhole(reply, terms).content === reply.text ? {} : { response: reply.text };

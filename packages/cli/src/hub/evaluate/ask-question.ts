import { setTimeout as sleep } from 'node:timers/promises';
import { readAnswerText } from '@ogong/hub/evaluation/answer-text';
import type { CountedRow, EvaluationHeader, LostRow } from '@ogong/hub/evaluation/evaluation-lines';
import type { SetQuestion } from '@ogong/hub/evaluation/evaluation-set';
import { isRight } from '@ogong/hub/evaluation/expectation';
import { createQuestionParams } from '@ogong/hub/evaluation/question-request';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { readCheckedFee } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { type CheckedReply, type Client, GatewayApiError, ReceiptError } from '@ogong/sdk';

const MAX_TRIES = 4;
const PAUSE = { firstMs: 500, longestMs: 5_000 };
/** Statuses of an error that is about one request and not about the caller. */
const OF_REQUEST: ReadonlySet<number> = new Set([400, 413, 422]);

export interface QuestionContext {
  readonly client: Pick<Client, 'chat' | 'completions'>;
  readonly header: EvaluationHeader;
}

/** A row, with the fee that its receipt proves. */
export interface AskedRow {
  readonly row: CountedRow | LostRow;
  readonly feeAtomic: bigint | undefined;
}

/**
 * Asks one question and scores its answer. An answer whose receipt does not hold gives a lost row.
 * @throws GatewayApiError and GatewayUnreachableError for faults that other questions would meet, too; ReceiptError `unchecked`.
 */
export async function askQuestion(question: SetQuestion, context: QuestionContext): Promise<AskedRow> {
  const { id, expected } = question;
  try {
    const reply = await askPatiently(question, context);
    const { receipt, request, response } = reply;
    const answer = readAnswerText(question, reply);
    const score = isRight(answer, expected) ? 1 : 0;
    const row = { kind: 'counted', id, answer, score, receipt, request, response } as const;
    return { row, feeAtomic: readCheckedFee(reply.checks) };
  } catch (error) {
    if (!isOfQuestion(error)) throw error;
    return { row: { kind: 'lost', id, problem: error.message }, feeAtomic: undefined };
  }
}

const isOfQuestion = (error: unknown): error is Error =>
  error instanceof ReceiptError
    ? error.code !== 'unchecked'
    : error instanceof GatewayApiError && OF_REQUEST.has(error.status);

/** Tries again if the gateway says that it may help. */
async function askPatiently(question: SetQuestion, context: QuestionContext): Promise<CheckedReply> {
  for (let failures = 0; ; failures++) {
    try {
      return await askOnce(question, context);
    } catch (error) {
      if (!(error instanceof GatewayApiError && error.retryable) || failures + 1 >= MAX_TRIES) throw error;
      await sleep(computeBackoff(PAUSE, { failures }));
    }
  }
}

async function askOnce(question: SetQuestion, { client, header }: QuestionContext): Promise<CheckedReply> {
  const params = createQuestionParams(question, header);
  const { replies } =
    'messages' in params ? await client.chat.completions.create(params) : await client.completions.create(params);
  return replies[0] as CheckedReply;
}

import type { EvaluationHeader } from '@ogong/hub/evaluation/evaluation-lines';
import type { SetQuestion } from '@ogong/hub/evaluation/evaluation-set';
import { encodeQuestionRequest } from '@ogong/hub/evaluation/question-request';
import { computePromptBound, findTextEndpoint, parseRequest } from '@ogong/protocol/modality/text/request/request';

/** Returns the most tokens of a question and its answer. @throws RequestError for a question that no gateway takes. */
function countTokens(question: SetQuestion, header: EvaluationHeader): number {
  const request = parseRequest(encodeQuestionRequest(question, header), findTextEndpoint(question.asked));
  return computePromptBound(request) + request.maxTokens;
}

/** Computes the highest cost of questions, atomic units, rounded up for each. */
export const computeCost = (
  questions: readonly SetQuestion[],
  { header, pricePer1kAtomic }: { readonly header: EvaluationHeader; readonly pricePer1kAtomic: bigint },
): bigint =>
  questions.reduce(
    (sum, question) => sum + (pricePer1kAtomic * BigInt(countTokens(question, header)) + 999n) / 1_000n,
    0n,
  );

/** The money of one evaluation. Each question reserves its highest cost before it is asked. */
export interface Budget {
  /** @returns whether the limit allows the question. */
  reserve(question: SetQuestion): boolean;
  /** @param feeAtomic of the answer; undefined if no receipt proves it: the highest cost counts. */
  settle(question: SetQuestion, feeAtomic: bigint | undefined): void;
  readonly spentAtomic: bigint;
}

/** @param maxCostAtomic undefined for no limit. */
export function createBudget(
  header: EvaluationHeader,
  limits: { readonly maxCostAtomic: bigint | undefined; readonly pricePer1kAtomic: bigint },
): Budget {
  const costOf = (question: SetQuestion): bigint => computeCost([question], { header, ...limits });
  let reservedAtomic = 0n;
  let spentAtomic = 0n;
  return {
    reserve(question) {
      const next = reservedAtomic + costOf(question);
      if (limits.maxCostAtomic !== undefined && spentAtomic + next > limits.maxCostAtomic) return false;
      reservedAtomic = next;
      return true;
    },
    settle(question, feeAtomic) {
      reservedAtomic -= costOf(question);
      spentAtomic += feeAtomic ?? costOf(question);
    },
    get spentAtomic() {
      return spentAtomic;
    },
  };
}

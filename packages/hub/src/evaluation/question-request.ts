import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { SetQuestion } from './evaluation-set.ts';

/** Declared parameters of all requests of an evaluation. */
export interface EvaluationParameters {
  /** 0 to 2. At 0 the most likely token is taken. */
  readonly temperature: number;
  readonly seed: number;
  /** Longest answer to a question that names none, tokens. */
  readonly maxTokens: number;
  /** Highest price of 1,000 tokens, atomic units, decimal; undefined leaves it to the gateway. */
  readonly maxPrice: string | undefined;
}

type QuestionParams = SetQuestion['asked'] & {
  readonly model: string;
  readonly max_tokens: number;
  readonly temperature: number;
  readonly seed: number;
  readonly ogong?: { readonly max_price: string };
};

/** Returns the fields of the request for a question, in the order of its bytes. */
export function createQuestionParams(
  { asked, maxTokens }: SetQuestion,
  { model, parameters }: { readonly model: string; readonly parameters: EvaluationParameters },
): QuestionParams {
  return {
    model,
    ...asked,
    max_tokens: maxTokens ?? parameters.maxTokens,
    temperature: parameters.temperature,
    seed: parameters.seed,
    ...(parameters.maxPrice !== undefined && { ogong: { max_price: parameters.maxPrice } }),
  };
}

/** Returns the only request that an evaluation may send for a question. */
export const encodeQuestionRequest = (
  question: SetQuestion,
  declared: { readonly model: string; readonly parameters: EvaluationParameters },
): Uint8Array => utf8Encode(JSON.stringify(createQuestionParams(question, declared)));

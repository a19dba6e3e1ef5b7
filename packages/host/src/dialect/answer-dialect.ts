import type { AnswerParts } from '@ogong/protocol/modality/text/answer/answer-parser';
import type { AnswerPiece } from '@ogong/protocol/modality/text/answer/answer-pieces';
import type { AnswerToken, ChoiceFinish, TokenUsage } from '@ogong/protocol/modality/text/dialect/completion-formats';
import type { ApiError } from '../http/api-error.ts';
import type { EventFraming } from '../openai/event-stream.ts';
import type { Json } from '../openai/format.ts';

/** More of a choice. */
export interface AnswerDelta {
  /** Parts of the answer that became certain with it. */
  readonly pieces: readonly AnswerPiece[];
  /** Absent if none were requested. */
  readonly logprobs?: readonly AnswerToken[];
}

/** A choice once it is whole. */
export interface WholeAnswer extends ChoiceFinish {
  readonly parts: AnswerParts;
  readonly logprobs?: readonly AnswerToken[];
}

/** Formats the events of one streamed answer, in their order. */
export interface EventWriter {
  /** @param usage of the prompt, as far as it is known by now. */
  open(usage?: Pick<TokenUsage, 'promptTokens' | 'cachedTokens'>): readonly Json[];
  write(delta: AnswerDelta): readonly Json[];
  /** @param extra fields of the last event. */
  end(finish: ChoiceFinish, usage: TokenUsage, extra: Json): readonly Json[];
  /** The answer failed after it was opened. */
  fail(error: ApiError): readonly Json[];
}

/** The answer formats of an API. Its requests are read by `protocol/modality/text/dialect`. */
export interface AnswerDialect {
  readonly framing: EventFraming;
  body(answer: WholeAnswer, usage: TokenUsage): Json;
  createWriter(): EventWriter;
}

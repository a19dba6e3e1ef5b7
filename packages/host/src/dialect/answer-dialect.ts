import type { AnswerParts } from '@ogong/protocol/modality/text/answer/answer-parser';
import type { AnswerPiece } from '@ogong/protocol/modality/text/answer/answer-pieces';
import type { AnswerToken, ChoiceFinish, TokenUsage } from '@ogong/protocol/modality/text/dialect/completion-formats';
import type { ApiError } from '../http/api-error.ts';
import type { EventFraming } from '../openai/event-stream.ts';
import type { Json } from '../openai/format.ts';

/** More of a choice. */
export interface AnswerDelta {
  /** What of the answer became certain with it. */
  readonly pieces: readonly AnswerPiece[];
  /** Absent where none were asked for. */
  readonly logprobs?: readonly AnswerToken[];
}

/** A choice once it is whole. */
export interface WholeAnswer extends ChoiceFinish {
  readonly parts: AnswerParts;
  readonly logprobs?: readonly AnswerToken[];
}

/** Words the events of one streamed answer, in their order. */
export interface EventWriter {
  open(): readonly Json[];
  write(delta: AnswerDelta): readonly Json[];
  /** @param extra fields of the last event. */
  end(finish: ChoiceFinish, usage: TokenUsage, extra: Json): readonly Json[];
  /** The answer failed after it was opened. */
  fail(error: ApiError): readonly Json[];
}

/** How an API words its answers. A request of it is read by `protocol/modality/text/dialect`. */
export interface AnswerDialect {
  readonly framing: EventFraming;
  body(answer: WholeAnswer, usage: TokenUsage): Json;
  createWriter(): EventWriter;
}

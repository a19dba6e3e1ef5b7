import type { AnswerFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import {
  type AnswerParser,
  type AnswerParts,
  type AnswerTerms,
  createAnswerParser,
  parseAnswer,
} from '@ogong/protocol/modality/text/answer/answer-parser';
import type { AnswerPiece } from '@ogong/protocol/modality/text/answer/answer-pieces';
import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import type { AnswerToken, TokenUsage } from '@ogong/protocol/modality/text/dialect/completion-formats';

/** Text and tokens of a choice as they come. */
export interface ChoicePart {
  /** Text of the model, with the marks of calls and reasoning. */
  readonly text: string;
  readonly tokens: readonly AnswerToken[];
  /** How the text is read: the same for all parts of a choice. */
  readonly format: AnswerFormat;
  /** Tokens of the prompt, as the engine or provider states them when it begins. */
  readonly promptTokens?: number | undefined;
}

/** A choice once it is whole. */
export interface ChoiceEnd extends Omit<ChoicePart, 'promptTokens'>, TokenUsage {
  readonly choice: number;
  readonly stopReason: StopReason;
}

/** A part of a choice, read. */
export interface ReadPart {
  readonly pieces: readonly AnswerPiece[];
  readonly tokens: readonly AnswerToken[];
  /** How many characters the model wrote for it. */
  readonly length: number;
  /** Tokens of the prompt, if they are known while the choice is written. */
  readonly promptTokens?: number | undefined;
}

/** @param terms undefined if the text is the answer, as in completions. */
export const createChoiceParser = (format: AnswerFormat, terms: AnswerTerms | undefined): AnswerParser =>
  terms === undefined ? PLAIN : createAnswerParser(format, terms);

/** @param terms undefined if the text is the answer, as in completions. */
export function readWhole(
  { text, format }: Pick<ChoicePart, 'text' | 'format'>,
  terms: AnswerTerms | undefined,
): AnswerParts {
  return terms === undefined ? { content: text, reasoning: '', calls: [] } : parseAnswer(text, format, terms);
}

/**
 * Reads a choice as it comes. Here, for every API and every server, text becomes content, reasoning and calls (docs/spec/answer.md).
 * @param terms undefined if the text is the answer, as in completions.
 * @param take gets the parts one after the other. It returns a promise if the next part must wait.
 */
export async function readChoice<End extends ChoiceEnd>(
  choice: AsyncGenerator<ChoicePart, End>,
  terms: AnswerTerms | undefined,
  take: (part: ReadPart) => Promise<void> | undefined,
): Promise<End> {
  let parser: AnswerParser | undefined;
  for (;;) {
    const next = await choice.next();
    if (next.done) {
      const rest = parser?.end() ?? [];
      if (rest.length > 0) await take({ pieces: rest, tokens: [], length: 0 });
      return next.value;
    }
    const { text, tokens, format, promptTokens } = next.value;
    parser ??= createChoiceParser(format, terms);
    const taken = take({ pieces: parser.push(text), tokens, length: text.length, promptTokens });
    if (taken !== undefined) await taken;
  }
}

const PLAIN: AnswerParser = {
  push: (text) => (text === '' ? [] : [{ kind: 'content', text }]),
  end: () => [],
};

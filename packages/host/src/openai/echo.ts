import { DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import type { AnswerToken } from '@ogong/protocol/modality/text/dialect/completion-formats';
import type { ChoiceEnd, ChoicePart } from './read-choice.ts';

/** A prompt as an answer begins with it. */
export interface EchoedPrompt {
  readonly text: string;
  /** None if no log-probabilities are requested. */
  readonly tokens: readonly AnswerToken[];
}

/** A choice of a completion that begins with its prompt. A failure before the model's first text comes before the prompt is shown. */
export async function* echoPrompt<End extends ChoiceEnd>(
  prompt: EchoedPrompt,
  choice: AsyncGenerator<ChoicePart, End>,
): AsyncGenerator<ChoicePart, End> {
  try {
    const first = await choice.next();
    yield { ...prompt, format: DEFAULT_FORMAT };
    if (!first.done) yield first.value;
    const end = first.done ? first.value : yield* choice;
    return { ...end, text: prompt.text + end.text, tokens: [...prompt.tokens, ...end.tokens] };
  } finally {
    await choice.return(undefined as never);
  }
}

import type { AnswerFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import type { Prompt, TemplateThinking } from '../../interface/text.ts';
import { type ChatTemplate, createChatTemplate } from './chat-template.ts';
import { type FillTokens, writeFill } from './fill-prompt.ts';
import { createLiteralText } from './literal-text.ts';
import { writePictures } from './picture-text.ts';
import type { PromptVocabulary } from './prompt-vocabulary.ts';

/** The facts of a model's file that decide how prompts are made. */
export interface PromptFacts {
  readonly chatTemplate: string | undefined;
  /** Tokens for filling in a text, if the model can. */
  readonly fillTokens?: FillTokens | undefined;
  /** Text of the control token that stands for a picture, if the model reads pictures. */
  readonly pictureMark?: string | undefined;
}

export interface PromptTokenizer {
  /** How answers to chats are read. */
  readonly answerFormat: AnswerFormat;
  readonly thinking: TemplateThinking | undefined;
  tokenize(prompt: Prompt): Uint32Array;
  /** Whether the model's own template writes the prompt of these messages as they are. */
  usesTemplate(prompt: Prompt): boolean;
}

/**
 * The one place that turns a prompt into tokens, for those that answer and those that check. Control tokens come from the model's
 * template alone: their names in a message are text.
 */
export function createPromptTokenizer(
  vocabulary: PromptVocabulary,
  { chatTemplate, fillTokens, pictureMark }: PromptFacts,
): PromptTokenizer {
  const literal = createLiteralText(vocabulary.controlTokens);
  const nameOf = (token: number): string => (token >= 0 ? vocabulary.textOf(token) : '');
  const template: ChatTemplate = createChatTemplate(chatTemplate, {
    bosToken: nameOf(vocabulary.bos),
    eosToken: nameOf(vocabulary.eos),
    literal,
    pictureMark,
  });

  // Templates disagree on who writes the first token; llama.cpp's own rule is once.
  const begin = (tokens: readonly number[]): Uint32Array => {
    const isBegun = !vocabulary.addBos || vocabulary.bos < 0 || tokens[0] === vocabulary.bos;
    return Uint32Array.from(isBegun ? tokens : [vocabulary.bos, ...tokens]);
  };
  const tokenize = (prompt: Prompt): Uint32Array => {
    if (prompt.kind === 'tokens') return prompt.tokens;
    if (prompt.kind === 'text' && prompt.readsControlTokens)
      return begin([...vocabulary.tokenize(prompt.text, { addSpecial: false, parseSpecial: true })]);
    if (prompt.kind === 'text') return vocabulary.tokenize(prompt.text, { addSpecial: true, parseSpecial: false });
    if (prompt.kind === 'fill') return begin(writeFill(vocabulary, fillTokens, prompt));
    const stretches = writePictures(literal.cut(template.render(prompt)), pictureMark, prompt.pictures);
    const tokens = stretches.flatMap(({ text, literal: isLiteral }) => [
      ...vocabulary.tokenize(text, { addSpecial: false, parseSpecial: !isLiteral }),
    ]);
    return begin(tokens);
  };
  const usesTemplate = (prompt: Prompt): boolean => !('messages' in prompt) || template.accepts(prompt);
  return { answerFormat: template.answerFormat, thinking: template.thinking, tokenize, usesTemplate };
}

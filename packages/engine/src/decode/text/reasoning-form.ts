import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import type { LiteralText } from './literal-text.ts';

/** Writes the content of a message as its template reads it: a text, or a list of parts. */
export type WriteContent = (message: Pick<ChatMessage, 'content' | 'parts'>) => unknown;

/** The writing of the texts of a request, for a template that mixes them with its own. */
export interface Writing extends Pick<LiteralText, 'quote' | 'quoteAll'> {
  readonly writeContent: WriteContent;
}

/**
 * The place of the reasoning of an earlier answer: a key of the message, a part of its content, or a block of it. A template
 * gets one of them, since some refuse a second, and others would write the reasoning twice.
 */
export const REASONING_FORMS = ['reasoning_content', 'reasoning', 'thinking', 'part', 'blocks'] as const;
export type ReasoningForm = (typeof REASONING_FORMS)[number];

/** The form for templates that read none. */
export const COMMON_FORM: ReasoningForm = 'reasoning_content';

/** Words without which a template does not read the form. */
const WORDS: Readonly<Record<ReasoningForm, RegExp>> = {
  reasoning_content: /reasoning_content/,
  reasoning: /\breasoning\b/,
  thinking: /\bthinking\b/,
  part: /['"]thinking['"]/,
  blocks: /['"]thoughts['"]/,
};

/** Lists the forms that a template may read, by its text. */
export const listReasoningForms = (template: string): readonly ReasoningForm[] =>
  REASONING_FORMS.filter((form) => WORDS[form].test(template));

/** Returns content and reasoning of a message in the form that its template reads. */
export function writeSaid(
  message: ChatMessage,
  form: ReasoningForm,
  { quote, writeContent }: Writing,
): Readonly<Record<string, unknown>> {
  const { role, reasoning } = message;
  const content = writeContent(message);
  if (role !== 'assistant') return { content };
  // Such a template refuses a text among messages of blocks, so it gets no texts.
  if (form === 'blocks') {
    const thoughts = reasoning === undefined ? [] : [{ type: 'thoughts', text: quote(reasoning) }];
    return { content: { blocks: [...thoughts, { type: 'response', text: quote(message.content) }] } };
  }
  if (reasoning === undefined) return { content };
  if (form !== 'part') return { content, [form]: quote(reasoning) };
  const parts = Array.isArray(content) ? content : content === '' ? [] : [{ type: 'text', text: content }];
  return { content: [{ type: 'thinking', thinking: quote(reasoning) }, ...parts] };
}

import type { AnswerFormat, CallFamily } from '@ogong/protocol/modality/text/answer/answer-format';
import type { ThinkingWish } from '@ogong/protocol/modality/text/commitment/thinking-wish';
import { type ChatMessage, readArguments } from '@ogong/protocol/modality/text/request/chat-messages';
import type { WrittenTool } from '@ogong/protocol/modality/text/request/tools';
import { type AnswerShape, shapeAnswers } from './answer-turns.ts';
import { writePythonCalls } from './python-calls.ts';
import { type ReasoningForm, type Writing, writeSaid } from './reasoning-form.ts';
import { writeTools } from './tool-text.ts';

/** The form in which a template that lists tools gets messages with calls. */
export interface NativeForm {
  readonly reasoning: ReasoningForm;
  readonly shape: AnswerShape;
}

/** The form in which a template gets the protocol's own text about tools. */
export interface OwnForm {
  readonly reasoning: ReasoningForm;
  /** The role of a message with the answers of tools. */
  readonly answersAs: 'user' | 'tool';
  /** Whether the text may stand in a system message. */
  readonly takesSystem: boolean;
}

/** The messages of a request, and the tools that it offers. */
interface Chat {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly WrittenTool[];
}

/** Returns the wish by the names that templates have for it. A template knows its own default. */
export function toVariables({ wanted, effort }: ThinkingWish): object {
  const thinks = wanted === 'yes';
  return {
    ...(wanted !== 'unsaid' && { enable_thinking: thinks, thinking: thinks, reasoning: thinks }),
    ...(effort !== 'unsaid' && { reasoning_effort: effort }),
  };
}

/** @param source the template's text. */
export function writeNativeFields(
  { messages, tools }: Chat,
  { format, form, source }: { readonly format: AnswerFormat; readonly form: NativeForm; readonly source: string },
  writing: Writing,
): object {
  const shaped = shapeAnswers(messages, form.shape);
  const written =
    format.calls === 'pythonic'
      ? writePythonCalls(shaped, { form: form.reasoning, template: source }, writing)
      : toTemplateMessages(shaped, { family: format.calls, form: form.reasoning }, writing);
  return { messages: written, ...(tools.length > 0 && { tools: tools.map((tool) => toTemplateTool(tool, writing)) }) };
}

export const writeOwnFields = ({ messages, tools }: Chat, form: OwnForm, writing: Writing) =>
  writeFields(writeTools(messages, tools, form), form, writing);

/** Messages that have no calls. */
export const writeFields = (
  messages: readonly ChatMessage[],
  { reasoning }: Pick<OwnForm, 'reasoning'>,
  writing: Writing,
) => ({ messages: messages.map((message) => ({ role: message.role, ...writeSaid(message, reasoning, writing) })) });

/** Returns a tool in the form that templates list. */
const toTemplateTool = ({ name, description = '', parameters }: WrittenTool, { quote, quoteAll }: Writing): object => ({
  type: 'function',
  function: { name: quote(name), description: quote(description), parameters: quoteAll(parameters) },
});

/**
 * Returns messages with calls in the form that templates know. Ids are counted anew: some templates take only nine letters and
 * digits. Those of the family `kimi` write the name of a call by its id alone. Arguments are an object; the templates of the family
 * `deepseek` add them to a text.
 */
function toTemplateMessages(
  messages: readonly ChatMessage[],
  { family, form }: { readonly family: CallFamily; readonly form: ReasoningForm },
  writing: Writing,
): readonly object[] {
  const { quote, quoteAll } = writing;
  const ids = new Map<string, string>();
  const names = new Map<string, string>();
  const toId = (id: string, name = ''): string => {
    const counted =
      family === 'kimi' ? `functions.${quote(name)}:${ids.size}` : `call${String(ids.size + 1).padStart(5, '0')}`;
    const known = ids.get(id) ?? counted;
    ids.set(id, known);
    return known;
  };
  return messages.map((message) => {
    const { role, calls, callId } = message;
    const called = calls?.map(({ id, name, arguments: given }) => {
      names.set(id, name);
      const values = family === 'deepseek' ? undefined : readArguments(given);
      const written = values === undefined ? quote(given) : quoteAll(values);
      return { id: toId(id, name), type: 'function', function: { name: quote(name), arguments: written } };
    });
    return {
      role,
      ...writeSaid(message, form, writing),
      ...(called && { tool_calls: called }),
      ...(callId !== undefined && { tool_call_id: toId(callId) }),
      // The id says it in the family `kimi`.
      ...(callId !== undefined && family !== 'kimi' && { name: quote(names.get(callId) ?? '') }),
    };
  });
}

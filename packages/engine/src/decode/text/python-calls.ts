import { type ExactJson, formatExactJson } from '@ogong/protocol/base/exact-json';
import { type ChatMessage, readArguments } from '@ogong/protocol/modality/text/request/chat-messages';
import { type ReasoningForm, type Writing, writeSaid } from './reasoning-form.ts';

/**
 * Messages with calls, as templates of the family `pythonic` get them: the calls stand in the content, as the model writes them. Some of
 * these templates pass calls over, and others write their texts without quotes.
 * @param template its text names the marks around calls, if the model has any.
 */
export function writePythonCalls(
  messages: readonly ChatMessage[],
  { form, template }: { readonly form: ReasoningForm; readonly template: string },
  writing: Writing,
): readonly object[] {
  const { quote, quoteAll } = writing;
  const [open, close] = /<\|tool_(?:call|list)_start\|>/.test(template)
    ? ['<|tool_call_start|>', '<|tool_call_end|>']
    : ['', ''];
  return messages.map((message) => {
    const { role, content, calls = [] } = message;
    const said = { role, ...writeSaid(message, form, writing) };
    if (calls.length === 0) return said;
    const written = calls.map(({ name, arguments: given }) => {
      const values = quoteAll(readArguments(given) ?? new Map()) as ReadonlyMap<string, ExactJson>;
      return `${quote(name)}(${[...values].map(([key, value]) => `${key}=${toPython(value)}`).join(', ')})`;
    });
    const called = `${open}[${written.join(', ')}]${close}`;
    return { ...said, content: [quote(content), called].filter((part) => part !== '').join('\n') };
  });
}

function toPython(value: ExactJson): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (Array.isArray(value)) return `[${value.map(toPython).join(', ')}]`;
  if (!(value instanceof Map)) return formatExactJson(value);
  return `{${[...value].map(([key, member]) => `${JSON.stringify(key)}: ${toPython(member)}`).join(', ')}}`;
}

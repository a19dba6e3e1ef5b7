import { type ExactJson, formatExactJson } from '@ogong/protocol/base/exact-json';
import { type ChatMessage, readArguments } from '@ogong/protocol/modality/text/request/chat-messages';
import type { WriteContent } from './chat-template.ts';
import type { LiteralText } from './literal-text.ts';

type Quoting = Pick<LiteralText, 'quote' | 'quoteAll'>;

/**
 * Messages with calls, as templates of the family `pythonic` get them: the calls stand in the content, as the model writes them. Some of
 * these templates pass calls over, and others write their texts without quotes.
 * @param template its text names the marks around calls, if the model has any.
 */
export function writePythonCalls(
  messages: readonly ChatMessage[],
  { quote, quoteAll, writeContent }: Quoting & { readonly writeContent: WriteContent },
  template = '',
): readonly object[] {
  const [open, close] = /<\|tool_(?:call|list)_start\|>/.test(template)
    ? ['<|tool_call_start|>', '<|tool_call_end|>']
    : ['', ''];
  return messages.map((message) => {
    const { role, content, parts, reasoning, calls = [] } = message;
    if (parts !== undefined) return { role, content: writeContent(message) };
    const written = calls.map(({ name, arguments: given }) => {
      const values = quoteAll(readArguments(given) ?? new Map()) as ReadonlyMap<string, ExactJson>;
      return `${quote(name)}(${[...values].map(([key, value]) => `${key}=${toPython(value)}`).join(', ')})`;
    });
    const called = written.length > 0 ? `${open}[${written.join(', ')}]${close}` : '';
    return {
      role,
      content: [quote(content), called].filter((part, i) => part !== '' || (i === 0 && called === '')).join('\n'),
      ...(reasoning !== undefined && { reasoning_content: quote(reasoning) }),
    };
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

import { type ExactJson, formatExactJson } from '@ogong/protocol/base/exact-json';
import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import type { WrittenTool } from '@ogong/protocol/modality/text/request/tools';

/**
 * Writes the protocol's own text about tools, for templates that have none. It consists of messages of the roles that every
 * template knows, with calls as the family `hermes` writes them (docs/spec/answer.md).
 * @param takesSystem whether the text may stand in a system message; else it stands before the first words of the user.
 * @param answersAs the role of a message with answers of tools. A template that has the role `tool` writes the marks itself.
 */
export function writeTools(
  messages: readonly ChatMessage[],
  tools: readonly WrittenTool[],
  {
    takesSystem = true,
    answersAs = 'user',
  }: { readonly takesSystem?: boolean; readonly answersAs?: 'user' | 'tool' } = {},
): readonly ChatMessage[] {
  const written = messages.flatMap((message, i) =>
    message.role !== 'tool'
      ? [writeMessage(message)]
      : answersAs === 'tool'
        ? [{ role: 'tool', content: message.content }]
        : joinAnswers(messages, i),
  );
  if (tools.length === 0) return written;
  const listed = tools.map(({ name, description = '', parameters }) =>
    formatExactJson(new Map([...Object.entries({ name, description }), ['parameters', parameters as ExactJson]])),
  );
  const about = [
    'You can call these functions. Each line is one of them, with the JSON schema of its arguments:',
    ...['<tools>', ...listed, '</tools>'],
    'To call a function, write its name and arguments as a JSON object between these tags:',
    ...['<tool_call>', '{"name": "name of the function", "arguments": {}}', '</tool_call>'],
  ].join('\n');
  if (!takesSystem) {
    const asks = written.findIndex(({ role }) => role === 'user');
    return written.map((message, i) =>
      i === asks
        ? {
            ...message,
            content: `${about}\n\n${message.content}`,
            ...(message.parts && { parts: [{ text: `${about}\n\n` }, ...message.parts] }),
          }
        : message,
    );
  }
  const [first, ...others] = written;
  return first?.role === 'system'
    ? [{ role: 'system', content: `${first.content}\n\n${about}` }, ...others]
    : [{ role: 'system', content: about }, ...written];
}

/** Answers of tools that follow each other are one message of the user. */
function joinAnswers(messages: readonly ChatMessage[], index: number): readonly ChatMessage[] {
  if (messages[index - 1]?.role === 'tool') return [];
  const next = messages.findIndex((message, i) => i > index && message.role !== 'tool');
  const answers = messages.slice(index, next < 0 ? messages.length : next);
  const texts = answers.map((answer) => `<tool_response>\n${answer.content}\n</tool_response>`);
  return [{ role: 'user', content: texts.join('\n') }];
}

function writeMessage({ role, content, parts, reasoning, calls = [] }: ChatMessage): ChatMessage {
  const texts = calls.map(
    ({ name, arguments: given }) =>
      `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${given}}\n</tool_call>`,
  );
  if (parts !== undefined && texts.length === 0) return { role, content, parts };
  const written = [...(content === '' && texts.length > 0 ? [] : [content]), ...texts].join('\n');
  return { role, content: written, ...(reasoning !== undefined && { reasoning }) };
}

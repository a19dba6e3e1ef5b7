import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { type Fields, readFields, readText } from '../field-rules.ts';
import { CALL_RULES, CALLED_RULES, MESSAGE_RULES } from './generation-rules.ts';

/** A message in OpenAI's form. */
export interface ServedMessage {
  readonly role: unknown;
  readonly content: unknown;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly object[];
  readonly tool_call_id?: string;
}

interface OpenCall {
  readonly id: string;
  readonly name: unknown;
}

/** Ollama's messages as OpenAI has them: there every call has an id, and an answer names it. @throws RequestError */
export function readMessages(value: unknown): {
  readonly messages: readonly ServedMessage[];
  readonly dropped: readonly string[];
} {
  if (!Array.isArray(value)) throw new RequestError('messages must be an array', 'messages');
  const dropped: string[] = [];
  let open: readonly OpenCall[] = [];
  const messages = value.map((item: unknown, i): ServedMessage => {
    const param = `messages[${i}]`;
    const { fields, dropped: hints } = readFields(item, MESSAGE_RULES, param);
    dropped.push(...hints);
    const message = { role: fields.role, content: fields.content ?? '' };
    if (fields.role === 'tool') {
      const { call, others } = findCall(fields, open, `call_${i}`);
      open = others;
      return { ...message, tool_call_id: call };
    }
    const calls = fields.tool_calls === undefined ? [] : readCalls(fields.tool_calls, param, i);
    open = [...open, ...calls.map(({ id, function: { name } }) => ({ id, name }))];
    const thinking = readText(fields, 'thinking');
    return {
      ...message,
      ...(thinking !== undefined && thinking !== '' && { reasoning_content: thinking }),
      ...(calls.length > 0 && { tool_calls: calls }),
    };
  });
  return { messages, dropped };
}

function readCalls(value: unknown, param: string, index: number) {
  const where = `${param}.tool_calls`;
  if (!Array.isArray(value)) throw new RequestError(`${where} must be an array`, where);
  return value.map((item: unknown, i) => {
    const { fields } = readFields(item, CALL_RULES, `${where}[${i}]`);
    const { fields: called } = readFields(fields.function, CALLED_RULES, `${where}[${i}].function`);
    const id = readText(fields, 'id') || `call_${index}_${i}`;
    return { id, type: 'function', function: { name: called.name, arguments: JSON.stringify(called.arguments ?? {}) } };
  });
}

/** The call that a tool answers: by its id, by the tool's name, or the first that has no answer yet. */
function findCall(fields: Fields, open: readonly OpenCall[], fallback: string) {
  const id = readText(fields, 'tool_call_id') || undefined;
  const name = readText(fields, 'tool_name') || undefined;
  const found = open.find((call) => (id !== undefined ? call.id === id : name === undefined || call.name === name));
  return { call: found?.id ?? id ?? fallback, others: open.filter((call) => call !== found) };
}

import { type FieldRules, isAbsent, isEmptyList } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import {
  type JsonFields,
  judge,
  readFields,
  readList,
  readText,
  refusePart,
  type Translator,
  type WrittenMessage,
  writeCall,
} from './translation.ts';

const OF_ITEM = { type: 'works', id: 'ignored', status: 'ignored' } as const;
const MESSAGE: FieldRules = { ...OF_ITEM, role: 'works', content: 'works', phase: 'ignored' };
const CALL: FieldRules = { ...OF_ITEM, call_id: 'works', name: 'works', arguments: 'works', caller: 'ignored' };
const RESULT: FieldRules = { ...OF_ITEM, call_id: 'works', output: 'works', name: 'ignored', caller: 'ignored' };
const REASONING: FieldRules = {
  ...{ ...OF_ITEM, content: 'works', summary: 'ignored' },
  encrypted_content: { refused: 'only reasoning of this server can be sent back, which is not encrypted' },
};
const PART: FieldRules = {
  ...{ type: 'works', text: 'works', logprobs: 'ignored' },
  annotations: { refused: 'nothing is cited here; leave it out', unless: isEmptyList },
};

/** Translates the input of a response to messages of a chat. @throws RequestError */
export function translateInput(translator: Translator, input: unknown): readonly WrittenMessage[] {
  if (typeof input === 'string') return [{ role: 'user', content: readText(input, 'input') }];
  const items = readList(input, 'input');
  if (items.length === 0) throw new RequestError('input must have an item', 'input');
  const messages: WrittenMessage[] = [];
  for (const [i, value] of items.entries()) {
    const param = `input[${i}]`;
    const message = translateItem(translator, readFields(value, param), param);
    const last = messages.at(-1);
    // Reasoning, text and calls of one turn are one message.
    if (message.role === 'assistant' && last?.role === 'assistant' && isOneTurn(last, message)) {
      messages[messages.length - 1] = join(last, message);
    } else messages.push(message);
  }
  return messages;
}

/** Returns whether two messages are one turn. Two texts of the assistant in a row are two turns. */
const isOneTurn = (before: WrittenMessage, { content }: WrittenMessage): boolean =>
  isAbsent(content) || (isAbsent(before.content) && before.tool_calls === undefined);

function join(before: WrittenMessage, after: WrittenMessage): WrittenMessage {
  const calls = [...(before.tool_calls ?? []), ...(after.tool_calls ?? [])];
  const reasoning = (before.reasoning_content ?? '') + (after.reasoning_content ?? '');
  return {
    role: 'assistant',
    content: before.content ?? after.content ?? null,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

function translateItem(translator: Translator, item: JsonFields, param: string): WrittenMessage {
  const { type } = item;
  if (type === 'function_call') return readCall(translator, item, param);
  if (type === 'function_call_output') {
    judge(translator, item, RESULT, param);
    const content = readContent(translator, item.output, `${param}.output`);
    return { role: 'tool', tool_call_id: readText(item.call_id, `${param}.call_id`), content };
  }
  if (type === 'reasoning') {
    judge(translator, item, REASONING, param);
    const reasoning = isAbsent(item.content) ? '' : readContent(translator, item.content, `${param}.content`);
    return { role: 'assistant', content: null, reasoning_content: reasoning };
  }
  if (type === 'item_reference') {
    throw new RequestError(`${param}: no item is stored here; send the item itself`, param, 'unsupported_parameter');
  }
  if (!isAbsent(type) && type !== 'message') refusePart(type, param);
  judge(translator, item, MESSAGE, param);
  return {
    role: readRole(item.role, `${param}.role`),
    content: readContent(translator, item.content, `${param}.content`),
  };
}

function readCall(translator: Translator, item: JsonFields, param: string): WrittenMessage {
  judge(translator, item, CALL, param);
  const [id, name] = [readText(item.call_id, `${param}.call_id`), readText(item.name, `${param}.name`)];
  const call = writeCall(id, name, readText(item.arguments, `${param}.arguments`));
  return { role: 'assistant', content: null, tool_calls: [call] };
}

function readRole(role: unknown, param: string): 'system' | 'user' | 'assistant' {
  if (role === 'developer') return 'system';
  if (role === 'system' || role === 'user' || role === 'assistant') return role;
  throw new RequestError(`${param} must be system, developer, user or assistant`, param);
}

/** Reads a text, or the texts of parts one after the other. */
function readContent(translator: Translator, value: unknown, param: string): string {
  if (typeof value === 'string') return readText(value, param);
  const parts = readList(value, param);
  return parts.map((part, i) => readPart(translator, readFields(part, `${param}[${i}]`), `${param}[${i}]`)).join('');
}

const TEXT_PARTS: ReadonlySet<unknown> = new Set(['input_text', 'output_text', 'reasoning_text', 'text']);

function readPart(translator: Translator, part: JsonFields, param: string): string {
  if (!TEXT_PARTS.has(part.type)) refusePart(part.type, param);
  judge(translator, part, PART, param);
  return readText(part.text, `${param}.text`);
}

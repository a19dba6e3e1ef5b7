import { parseMediaReference } from '../../media/media.ts';
import { applyRules, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import {
  RESPONSES_DROPPED_ITEMS,
  RESPONSES_ITEM_FIELDS,
  RESPONSES_PART_FIELDS,
  RESPONSES_PICTURE_FIELDS,
} from '../fields/responses-fields.ts';
import { readCalledName } from './responses-tools.ts';
import {
  type JsonFields,
  readFields,
  readList,
  readText,
  refusePart,
  type Translator,
  type WrittenMessage,
  type WrittenPart,
  writeCall,
  writeContent,
  writePicture,
} from './translation.ts';

/** Translates the input of a response to messages of a chat. @throws RequestError */
export function translateInput(translator: Translator, input: unknown): readonly WrittenMessage[] {
  if (typeof input === 'string') return [{ role: 'user', content: readText(input, 'input') }];
  const items = readList(input, 'input');
  if (items.length === 0) throw new RequestError('input must have an item', 'input');
  const messages: WrittenMessage[] = [];
  for (const [i, value] of items.entries()) {
    const param = `input[${i}]`;
    const item = readFields(value, param);
    if (RESPONSES_DROPPED_ITEMS.has(item.type)) {
      translator.dropped.push(param);
      continue;
    }
    const message = translateItem(translator, item, param);
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
  const type = isAbsent(item.type) ? 'message' : item.type;
  if (type === 'item_reference') {
    throw new RequestError(
      `${param}: no item is stored here; send the item itself, as clients do with "store": false`,
      ...([param, 'unsupported_parameter'] as const),
    );
  }
  if (!isKnownItem(type)) refusePart(type, param);
  applyRules(translator, item, RESPONSES_ITEM_FIELDS[type], param);
  switch (type) {
    case 'function_call':
      return readCall(item, param, readText(item.arguments, `${param}.arguments`));
    case 'custom_tool_call':
      return readCall(item, param, JSON.stringify({ input: readText(item.input, `${param}.input`) }));
    case 'function_call_output':
    case 'custom_tool_call_output': {
      const content = readShown(translator, item.output, `${param}.output`);
      return { role: 'tool', tool_call_id: readText(item.call_id, `${param}.call_id`), content };
    }
    case 'reasoning': {
      const reasoning = isAbsent(item.content) ? '' : readContent(translator, item.content, `${param}.content`);
      return { role: 'assistant', content: null, reasoning_content: reasoning };
    }
    case 'message':
      return readMessage(translator, item, param);
  }
}

function readMessage(translator: Translator, item: JsonFields, param: string): WrittenMessage {
  const role = readRole(item.role, `${param}.role`);
  const read = role === 'user' ? readShown : readContent;
  return { role, content: read(translator, item.content, `${param}.content`) };
}

/** Reads a text, or texts and pictures in their order. */
function readShown(translator: Translator, value: unknown, param: string): NonNullable<WrittenMessage['content']> {
  if (!Array.isArray(value)) return readContent(translator, value, param);
  const parts = value.map((item: unknown, i): WrittenPart => {
    const where = `${param}[${i}]`;
    const part = readFields(item, where);
    if (part.type !== 'input_image') return { type: 'text', text: readPart(translator, part, where) };
    applyRules(translator, part, RESPONSES_PICTURE_FIELDS, where);
    return writePicture(parseMediaReference(part.image_url, `${where}.image_url`));
  });
  return writeContent(parts);
}

const isKnownItem = (type: unknown): type is keyof typeof RESPONSES_ITEM_FIELDS =>
  typeof type === 'string' && Object.hasOwn(RESPONSES_ITEM_FIELDS, type);

function readCall(item: JsonFields, param: string, given: string): WrittenMessage {
  const [id, name] = [readText(item.call_id, `${param}.call_id`), readCalledName(item, param)];
  return { role: 'assistant', content: null, tool_calls: [writeCall(id, name, given)] };
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
  applyRules(translator, part, RESPONSES_PART_FIELDS, param);
  return readText(part.text, `${param}.text`);
}

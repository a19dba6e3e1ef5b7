import { parseMediaReference } from '../../media/media.ts';
import { applyRules, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import {
  ANTHROPIC_BLOCK_FIELDS,
  ANTHROPIC_MESSAGE_FIELDS,
  ANTHROPIC_SOURCE_FIELDS,
} from '../fields/anthropic-fields.ts';
import {
  encodeArguments,
  type JsonFields,
  readFields,
  readList,
  readText,
  refusePart,
  type Translator,
  type WrittenCall,
  type WrittenMessage,
  type WrittenPart,
  writeCall,
  writeContent,
  writePicture,
} from './translation.ts';

const { text: TEXT, image: PICTURE, thinking: THINKING, tool_use: CALL, tool_result: RESULT } = ANTHROPIC_BLOCK_FIELDS;

/** @throws RequestError */
export function translateSystem(translator: Translator, value: unknown): readonly WrittenMessage[] {
  if (isAbsent(value)) return [];
  const content = readTexts(translator, value, 'system');
  return content === '' ? [] : [{ role: 'system', content }];
}

/** @throws RequestError */
export function translateMessages(translator: Translator, value: unknown): readonly WrittenMessage[] {
  const messages = readList(value, 'messages');
  if (messages.length === 0) throw new RequestError('messages must have a message', 'messages');
  const written = messages.flatMap((message, i) => translateMessage(translator, message, `messages[${i}]`));
  if (written.at(-1)?.role === 'assistant') {
    const message = 'messages: the last one must be of the user; an answer that is begun by the client is not served';
    throw new RequestError(message, 'messages', 'unsupported_parameter');
  }
  return written;
}

function translateMessage(translator: Translator, value: unknown, param: string): readonly WrittenMessage[] {
  const message = readFields(value, param);
  applyRules(translator, message, ANTHROPIC_MESSAGE_FIELDS, param);
  const { role, content } = message;
  const where = `${param}.content`;
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw new RequestError(`${param}.role must be user, assistant or system`, `${param}.role`);
  }
  if (typeof content === 'string') return [{ role, content: readText(content, where) }];
  const blocks = readList(content, where).map((block, i) => readFields(block, `${where}[${i}]`));
  if (blocks.length === 0) throw new RequestError(`${where} must have a block`, where);
  if (role === 'system') return [{ role, content: readTexts(translator, blocks, where) }];
  return role === 'assistant' ? [readAnswer(translator, blocks, where)] : readUser(translator, blocks, where);
}

/** Reads a user turn. Tool results become separate messages, in the order of the blocks. */
function readUser(translator: Translator, blocks: readonly JsonFields[], where: string): readonly WrittenMessage[] {
  const messages: WrittenMessage[] = [];
  let parts: WrittenPart[] = [];
  const flush = (): void => {
    if (parts.length > 0) messages.push({ role: 'user', content: writeContent(parts) });
    parts = [];
  };
  for (const [i, block] of blocks.entries()) {
    const param = `${where}[${i}]`;
    if (block.type === 'tool_result') {
      flush();
      messages.push(readResult(translator, block, param));
    } else if (block.type === 'image') parts.push(readPicture(translator, block, param));
    else parts.push({ type: 'text', text: readTextBlock(translator, block, param) });
  }
  flush();
  return messages;
}

/** Reads a picture. Its bytes stand beside the body (docs/spec/media.md). */
function readPicture(translator: Translator, block: JsonFields, param: string): WrittenPart {
  applyRules(translator, block, PICTURE, param);
  const where = `${param}.source`;
  const source = readFields(block.source, where);
  applyRules(translator, source, ANTHROPIC_SOURCE_FIELDS, where);
  if (source.type === 'url') return writePicture(parseMediaReference(source.url, `${where}.url`));
  if (source.type !== 'base64') throw new RequestError(`${where}.type must be "base64"`, `${where}.type`);
  return writePicture(parseMediaReference(source.data, `${where}.data`));
}

function readResult(translator: Translator, block: JsonFields, param: string): WrittenMessage {
  applyRules(translator, block, RESULT, param);
  const content = isAbsent(block.content) ? '' : readTexts(translator, block.content, `${param}.content`);
  return { role: 'tool', tool_call_id: readText(block.tool_use_id, `${param}.tool_use_id`), content };
}

function readAnswer(translator: Translator, blocks: readonly JsonFields[], where: string): WrittenMessage {
  let content = '';
  let reasoning = '';
  const calls: WrittenCall[] = [];
  for (const [i, block] of blocks.entries()) {
    const param = `${where}[${i}]`;
    if (block.type === 'tool_use') {
      applyRules(translator, block, CALL, param);
      const [id, name] = [readText(block.id, `${param}.id`), readText(block.name, `${param}.name`)];
      calls.push(writeCall(id, name, encodeArguments(block.input, `${param}.input`)));
    } else if (block.type === 'thinking') {
      applyRules(translator, block, THINKING, param);
      reasoning += readText(block.thinking, `${param}.thinking`);
    } else if (block.type === 'redacted_thinking') translator.dropped.push(param);
    else content += readTextBlock(translator, block, param);
  }
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** Reads a text, or the texts of blocks one after the other. */
function readTexts(translator: Translator, value: unknown, param: string): string {
  if (typeof value === 'string') return readText(value, param);
  return readList(value, param)
    .map((block, i) => readTextBlock(translator, readFields(block, `${param}[${i}]`), `${param}[${i}]`))
    .join('');
}

function readTextBlock(translator: Translator, block: JsonFields, param: string): string {
  if (block.type !== 'text') refusePart(block.type, param);
  applyRules(translator, block, TEXT, param);
  return readText(block.text, `${param}.text`);
}

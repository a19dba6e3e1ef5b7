import { parseMediaReference } from '../../media/media.ts';
import { applyRules, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import {
  ANTHROPIC_BLOCK_FIELDS,
  ANTHROPIC_MESSAGE_FIELDS,
  ANTHROPIC_SOURCE_FIELDS,
  isForeignBlock,
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

const {
  text: TEXT,
  image: PICTURE,
  thinking: THINKING,
  tool_use: CALL,
  tool_result: RESULT,
  compaction: SUMMARY,
} = ANTHROPIC_BLOCK_FIELDS;

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
  if (role === 'system') return translateSystemTurn(translator, content, { param, where });
  if (typeof content === 'string') return [{ role, content: readText(content, where) }];
  const blocks = readBlocks(translator, content, where);
  return role === 'assistant'
    ? [readAnswer(translator, blocks, param === 'messages[0]')]
    : readUser(translator, blocks);
}

/** A message of the system may hold nothing that is read: a server's own settings, or an empty text. */
function translateSystemTurn(
  translator: Translator,
  value: unknown,
  { param, where }: { readonly param: string; readonly where: string },
): readonly WrittenMessage[] {
  const content = isAbsent(value) ? '' : readTexts(translator, value, where);
  if (content === '') {
    translator.dropped.push(param);
    return [];
  }
  return [{ role: 'system', content }];
}

/** A block with its place in the request. */
interface PlacedBlock {
  readonly block: JsonFields;
  readonly param: string;
}

/** Reads the blocks of a content, without those of another server. @throws RequestError */
function readBlocks(translator: Translator, value: unknown, where: string): readonly PlacedBlock[] {
  const items = readList(value, where);
  if (items.length === 0) throw new RequestError(`${where} must have a block`, where);
  return items.flatMap((item, i) => {
    const param = `${where}[${i}]`;
    const block = readFields(item, param);
    if (!isForeignBlock(block.type)) return [{ block, param }];
    translator.dropped.push(param);
    return [];
  });
}

/** Reads a user turn. Tool results become separate messages, in the order of the blocks. */
function readUser(translator: Translator, blocks: readonly PlacedBlock[]): readonly WrittenMessage[] {
  const messages: WrittenMessage[] = [];
  let parts: WrittenPart[] = [];
  const flush = (): void => {
    if (parts.length > 0) messages.push({ role: 'user', content: writeContent(parts) });
    parts = [];
  };
  for (const { block, param } of blocks) {
    if (block.type === 'tool_result') {
      flush();
      messages.push(readResult(translator, block, param));
    } else parts.push(readShown(translator, block, param));
  }
  flush();
  return messages;
}

/** Reads a text or a picture. */
const readShown = (translator: Translator, block: JsonFields, param: string): WrittenPart =>
  block.type === 'image'
    ? readPicture(translator, block, param)
    : { type: 'text', text: readTextBlock(translator, block, param) };

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
  const content = readResultContent(translator, block.content, `${param}.content`);
  return { role: 'tool', tool_call_id: readText(block.tool_use_id, `${param}.tool_use_id`), content };
}

function readResultContent(
  translator: Translator,
  value: unknown,
  where: string,
): NonNullable<WrittenMessage['content']> {
  if (isAbsent(value)) return '';
  if (typeof value === 'string') return readText(value, where);
  if (readList(value, where).length === 0) return '';
  const blocks = readBlocks(translator, value, where);
  return writeContent(blocks.map(({ block, param }) => readShown(translator, block, param)));
}

/** @param isFirst whether no message stands before it. */
function readAnswer(translator: Translator, blocks: readonly PlacedBlock[], isFirst: boolean): WrittenMessage {
  let content = '';
  let reasoning = '';
  const calls: WrittenCall[] = [];
  for (const { block, param } of blocks) {
    if (block.type === 'tool_use') {
      applyRules(translator, block, CALL, param);
      const [id, name] = [readText(block.id, `${param}.id`), readText(block.name, `${param}.name`)];
      calls.push(writeCall(id, name, encodeArguments(block.input, `${param}.input`)));
    } else if (block.type === 'thinking') {
      applyRules(translator, block, THINKING, param);
      reasoning += readText(block.thinking, `${param}.thinking`);
    } else if (block.type === 'compaction') content += readSummary(translator, block, { param, isFirst });
    else content += readTextBlock(translator, block, param);
  }
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** Reads the summary of the messages before it. It is left out beside these messages: the model reads them. */
function readSummary(
  translator: Translator,
  block: JsonFields,
  { param, isFirst }: { readonly param: string; readonly isFirst: boolean },
): string {
  applyRules(translator, block, SUMMARY, param);
  if (isFirst && !isAbsent(block.content)) return readText(block.content, `${param}.content`);
  translator.dropped.push(param);
  return '';
}

/** Reads a text, or the texts of blocks one after the other. */
function readTexts(translator: Translator, value: unknown, param: string): string {
  if (typeof value === 'string') return readText(value, param);
  if (readList(value, param).length === 0) return '';
  return readBlocks(translator, value, param)
    .map(({ block, param: where }) => readTextBlock(translator, block, where))
    .join('');
}

function readTextBlock(translator: Translator, block: JsonFields, param: string): string {
  if (block.type !== 'text') refusePart(block.type, param);
  applyRules(translator, block, TEXT, param);
  return readText(block.text, `${param}.text`);
}

import { ProtocolError, utf8Encode } from '../../../base/bytes.ts';
import { type ExactJson, parseExactJson } from '../../../base/exact-json.ts';
import { parseMediaReference } from '../../media/media.ts';
import { applyRules, type DroppedFields, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { MAX_PICTURE_TOKENS, MAX_PICTURES } from '../commitment/header.ts';
import {
  CALL_FIELDS,
  CALLED_FIELDS,
  MESSAGE_FIELDS,
  PART_FIELDS,
  PICTURE_PART_FIELDS,
  PICTURE_URL_FIELDS,
} from '../fields/chat-fields.ts';
import { measureJson } from './json-size.ts';

/** A tool call of an answer, as a client sends it back. */
export interface ChatCall {
  readonly id: string;
  readonly name: string;
  /** JSON as the model wrote it. It may be invalid. */
  readonly arguments: string;
}

/** A part of a message: a text, or the reference of a picture. */
export type ContentPart = { readonly text: string } | { readonly picture: string };

/** One message of a chat. */
export interface ChatMessage {
  readonly role: string;
  /** All texts of the message. */
  readonly content: string;
  /** Texts and pictures in their order, if the message has a picture. */
  readonly parts?: readonly ContentPart[];
  /** For an assistant: its earlier reasoning. */
  readonly reasoning?: string;
  /** For an assistant: its tool calls. */
  readonly calls?: readonly ChatCall[];
  /** For a tool: the call that it answers. */
  readonly callId?: string;
}

type Fields = Readonly<Record<string, unknown>>;

export const MAX_MESSAGES = 2048;
const MAX_CALLS = 128;
/** The longest id or name of a call, UTF-16 units. */
const MAX_NAME = 256;

/** @param collected receives the dropped fields. @throws RequestError */
export function parseMessages(value: unknown, collected: DroppedFields = { dropped: [] }): readonly ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_MESSAGES) {
    throw new RequestError(`messages must be an array of 1 to ${MAX_MESSAGES} messages`, 'messages');
  }
  const messages = value.map((message: unknown, i) => parseMessage(collected, message, `messages[${i}]`));
  const { length } = listPictures(messages);
  if (length <= MAX_PICTURES) return messages;
  throw new RequestError(`messages must have at most ${MAX_PICTURES} pictures, not ${length}`, 'messages');
}

/** Lists the references of the pictures, in the order of the messages. */
export const listPictures = (messages: readonly ChatMessage[]): readonly string[] =>
  messages.flatMap(({ parts = [] }) => parts.flatMap((part) => ('picture' in part ? [part.picture] : [])));

function parseMessage(collected: DroppedFields, message: unknown, param: string): ChatMessage {
  if (typeof message !== 'object' || message === null) throw new RequestError(`${param} must be an object`, param);
  const given = message as Fields;
  const { role, content } = given;
  const rules = typeof role === 'string' && Object.hasOwn(MESSAGE_FIELDS, role) ? MESSAGE_FIELDS[role] : undefined;
  if (typeof role !== 'string' || rules === undefined) {
    const roles = Object.keys(MESSAGE_FIELDS).join(', ');
    throw new RequestError(`${param}.role must be one of ${roles}`, `${param}.role`);
  }
  applyRules(collected, given, rules, param);
  const isAnswer = role === 'assistant';
  const calls =
    isAnswer && !isAbsent(given.tool_calls)
      ? parseCalls(collected, given.tool_calls, `${param}.tool_calls`)
      : undefined;
  const reasoning =
    isAnswer && !isAbsent(given.reasoning_content)
      ? parseText(given.reasoning_content, `${param}.reasoning_content`, 'a string')
      : undefined;
  const mayBeEmpty = calls !== undefined || reasoning !== undefined;
  return {
    role: role === 'developer' ? 'system' : role,
    ...(mayBeEmpty && isAbsent(content)
      ? { content: '' }
      : parseContent(collected, content, { param: `${param}.content`, mayShow: role === 'user' || role === 'tool' })),
    ...(reasoning !== undefined && { reasoning }),
    ...(calls && { calls }),
    ...(role === 'tool' && { callId: parseName(given.tool_call_id, `${param}.tool_call_id`) }),
  };
}

function parseCalls(collected: DroppedFields, value: unknown, param: string): readonly ChatCall[] {
  if (!Array.isArray(value) || value.length > MAX_CALLS) {
    throw new RequestError(`${param} must be an array of at most ${MAX_CALLS} calls`, param);
  }
  return value.map((item: unknown, i) => {
    const where = `${param}[${i}]`;
    const call = readObject(item, where);
    applyRules(collected, call, CALL_FIELDS, where);
    if (!isAbsent(call.type) && call.type !== 'function') {
      throw new RequestError(`${where}.type must be "function"`, `${where}.type`, 'unsupported_parameter');
    }
    const called = readObject(call.function, `${where}.function`);
    applyRules(collected, called, CALLED_FIELDS, `${where}.function`);
    const given = isAbsent(called.arguments)
      ? '{}'
      : parseText(called.arguments, `${where}.function.arguments`, 'a string of JSON');
    return {
      id: parseName(call.id, `${where}.id`),
      name: parseName(called.name, `${where}.function.name`),
      arguments: given,
    };
  });
}

function readObject(value: unknown, param: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new RequestError(`${param} must be an object`, param);
}

function parseName(value: unknown, param: string): string {
  const name = parseText(value, param, 'a string');
  if (name.length > 0 && name.length <= MAX_NAME) return name;
  throw new RequestError(`${param} must have 1 to ${MAX_NAME} characters`, param);
}

function parseContent(
  collected: DroppedFields,
  content: unknown,
  { param, mayShow }: { readonly param: string; readonly mayShow: boolean },
): Pick<ChatMessage, 'content' | 'parts'> {
  if (!Array.isArray(content)) return { content: parseText(content, param, 'a string or an array of content parts') };
  if (content.length === 0) throw new RequestError(`${param} must have a part`, param);
  const parts = content.map((part: unknown, i): ContentPart => {
    const fields = (typeof part === 'object' && part !== null ? part : {}) as Fields;
    const where = `${param}[${i}]`;
    if (fields.type === 'image_url' && mayShow) return { picture: parsePicture(collected, fields, where) };
    if (fields.type !== 'text') {
      const served = mayShow ? 'only parts of type text and image_url are served' : 'only text parts are served here';
      throw new RequestError(`${where}: ${served}`, where, 'unsupported_content');
    }
    applyRules(collected, fields, PART_FIELDS, where);
    return { text: parseText(fields.text, where, 'a text') };
  });
  const text = parts.map((part) => ('text' in part ? part.text : '')).join('');
  return { content: text, ...(parts.some((part) => 'picture' in part) && { parts }) };
}

/** @returns the reference of the picture. */
function parsePicture(collected: DroppedFields, part: Fields, param: string): string {
  applyRules(collected, part, PICTURE_PART_FIELDS, param);
  const where = `${param}.image_url`;
  if (typeof part.image_url === 'string') return parseMediaReference(part.image_url, where);
  const { url, ...others } = readObject(part.image_url, where);
  applyRules(collected, { url, ...others }, PICTURE_URL_FIELDS, where);
  return parseMediaReference(url, `${where}.url`);
}

/** Parses text that has a UTF-8 form. An escape can write half of a surrogate pair, which has none. @throws RequestError */
export function parseText(value: unknown, param: string, expected: string): string {
  if (typeof value !== 'string') throw new RequestError(`${param} must be ${expected}`, param);
  if (!value.isWellFormed()) throw new RequestError(`${param} must be text without lone surrogates`, param);
  return value;
}

/** Reads the arguments of a call as an object; undefined if the text is no object, or is nested too deep. */
export function readArguments(text: string): ReadonlyMap<string, ExactJson> | undefined {
  try {
    const value = parseExactJson(text);
    return value instanceof Map ? value : undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** The most tokens that a chat template adds around a message or a call. */
const TOKENS_AROUND = 64;

/** Bounds the tokens of messages. No tokenizer makes more tokens of a text than it has bytes. @throws RequestError */
export function boundMessages(messages: readonly ChatMessage[]): number {
  const sizes = messages.map(({ role, content, parts = [], reasoning = '', calls = [] }, i) => {
    const called = calls.map(({ name, arguments: given }, j) =>
      boundCall(name, given, `messages[${i}].tool_calls[${j}]`),
    );
    const pictures = parts.filter((part) => 'picture' in part).length;
    // The pictures of a tool's answer may stand in a message of their own.
    const around = role === 'tool' && pictures > 0 ? 2 * TOKENS_AROUND : TOKENS_AROUND;
    const said = utf8Encode(content + reasoning).length + pictures * MAX_PICTURE_TOKENS + around;
    return called.reduce((sum, size) => sum + size, said);
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Bounds the tokens of a call. A template writes the arguments unchanged, or as its own JSON. */
function boundCall(name: string, given: string, param: string): number {
  const values = readArguments(given);
  const written = Math.max(measureJson(given, param), values === undefined ? 0 : measureJson(values, param));
  return 2 * utf8Encode(name).length + written + TOKENS_AROUND;
}

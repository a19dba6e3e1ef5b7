import { utf8Encode } from '../../../base/bytes.ts';
import { type DroppedFields, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';

/**
 * A request of another API as a chat (docs/spec/dialects.md). The chat's bytes are ordered, hashed and signed. Every holder of
 * the original request derives the same bytes.
 */
export interface Translation {
  /** A body of a chat. */
  readonly body: Uint8Array;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
}

export type JsonFields = Readonly<Record<string, unknown>>;

/** The collected results of a translation. */
export type Translator = DroppedFields;

export const isFields = (value: unknown): value is JsonFields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws RequestError */
export function readFields(value: unknown, param: string): JsonFields {
  if (isFields(value)) return value;
  throw new RequestError(`${param} must be an object`, param);
}

/** @throws RequestError */
export function readList(value: unknown, param: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new RequestError(`${param} must be an array`, param);
}

/** @throws RequestError */
export function readText(value: unknown, param: string): string {
  if (typeof value !== 'string') throw new RequestError(`${param} must be a string`, param);
  if (!value.isWellFormed()) throw new RequestError(`${param} must be text without lone surrogates`, param);
  return value;
}

/** @throws RequestError */
export function readBoolean(value: unknown, param: string): boolean {
  if (isAbsent(value)) return false;
  if (typeof value !== 'boolean') throw new RequestError(`${param} must be a boolean`, param);
  return value;
}

/** Encodes the present fields in this order, so that one request has one body. */
export function encodeChat(fields: JsonFields): Uint8Array {
  return utf8Encode(JSON.stringify(Object.fromEntries(Object.entries(fields).filter(([, value]) => !isAbsent(value)))));
}

/** Encodes the JSON of a call's arguments. */
export const encodeArguments = (value: unknown, param: string): string => JSON.stringify(readFields(value, param));

/** A message of a chat, as it is written. */
export interface WrittenMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content?: string | null | readonly WrittenPart[];
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly WrittenCall[];
  readonly tool_call_id?: string;
}

/** A part of a user's message that shows pictures. */
export type WrittenPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } };

export const writePicture = (reference: string): WrittenPart => ({ type: 'image_url', image_url: { url: reference } });

/** Writes parts as the content of a message: one text if no picture is among them. */
export function writeContent(parts: readonly WrittenPart[]): string | readonly WrittenPart[] {
  if (parts.some(({ type }) => type === 'image_url')) return parts;
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

export interface WrittenCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

export const writeCall = (id: string, name: string, given: string): WrittenCall => ({
  id,
  type: 'function',
  function: { name, arguments: given },
});

/** Refuses a part. @throws RequestError */
export function refusePart(type: unknown, param: string): never {
  const shown = typeof type === 'string' ? JSON.stringify(type.slice(0, 40)) : 'this';
  throw new RequestError(
    `${param}: ${shown} is not served; only texts, pictures of the user or a tool, and calls of tools are`,
    param,
    'unsupported_content',
  );
}

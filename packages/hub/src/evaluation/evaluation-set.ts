import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { parseLicence } from '../licence.ts';
import { type Expectation, readExpectation } from './expectation.ts';
import { createFieldReader } from './json-fields.ts';

export const SET_FORMAT = 'ogong-evaluation-set-v1';
/** The largest set. */
export const MAX_SET_BYTES = 2 ** 23;
/** The most questions of a set. */
export const MAX_QUESTIONS = 10_000;
/** The longest answer that a question may ask for, tokens. */
export const MAX_ANSWER_TOKENS = 32_768;
const MAX_CONTENT = 2 ** 16;
const MAX_MESSAGES = 32;
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const VERSION = /^(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})$/;
const ROLES = ['system', 'user', 'assistant'];

export interface QuestionMessage {
  readonly role: string;
  readonly content: string;
}

/** One question: a chat, or a text that the model continues. */
export interface SetQuestion {
  readonly id: string;
  readonly asked: { readonly messages: readonly QuestionMessage[] } | { readonly prompt: string };
  readonly expected: Expectation;
  /** Longest answer, tokens; undefined leaves it to the evaluation. */
  readonly maxTokens: number | undefined;
}

/** Questions with the answers that count as right (docs/spec/evaluation.md#set). */
export interface EvaluationSet {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly licence: string;
  readonly questions: readonly SetQuestion[];
  /** SHA-256 of the file, hex. */
  readonly hash: string;
  /** The file. */
  readonly bytes: Uint8Array;
}

/** Parses the file of a set: JSON Lines, a header and 1 to MAX_QUESTIONS questions. @throws ProtocolError */
export function parseEvaluationSet(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): EvaluationSet {
  if (bytes.length > MAX_SET_BYTES) throw new ProtocolError('too-large', `a set has at most ${MAX_SET_BYTES} bytes`);
  const lines = splitLines(bytes);
  const [first, ...rest] = lines;
  if (first === undefined || rest.length === 0) throw new ProtocolError('malformed', 'a set without questions');
  const questions = rest.map((line, at) => readQuestion(parseJson(line), `question ${at + 1}`));
  const ids = new Set(questions.map(({ id }) => id));
  if (ids.size !== questions.length) throw new ProtocolError('malformed', 'two questions have one id');
  return { ...readHeader(parseJson(first)), questions, hash: toHex(crypto.sha256(bytes)), bytes };
}

/** @throws ProtocolError for too many lines, before any of them is parsed. */
function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; ) {
    const at = bytes.indexOf(0x0a, from);
    const to = at < 0 ? bytes.length : at;
    lines.push(bytes.subarray(from, to));
    if (lines.length > MAX_QUESTIONS + 1)
      throw new ProtocolError('too-large', `a set has at most ${MAX_QUESTIONS} questions`);
    from = to + 1;
  }
  return lines;
}

function readHeader(value: unknown): Pick<EvaluationSet, 'name' | 'version' | 'licence'> {
  const { refuse, readObject, readText } = createFieldReader('header of the set');
  const { format, ...fields } = readObject(value, ['format', 'name', 'version', 'licence']);
  if (format !== SET_FORMAT) throw new ProtocolError('unsupported', `format is not ${SET_FORMAT}`);
  const name = readText(fields.name, 'name', 64);
  const version = readText(fields.version, 'version', 32);
  const licence = readText(fields.licence, 'licence', 64);
  if (!NAME.test(name)) refuse('name has lower-case letters, digits, points, hyphens and underscores');
  if (!VERSION.test(version)) refuse('version is no semantic version such as 1.0.0');
  parseLicence(licence);
  return { name, version, licence };
}

function readQuestion(value: unknown, part: string): SetQuestion {
  const { refuse, readObject, readText, readInteger } = createFieldReader(part);
  const fields = readObject(value, ['id', 'messages', 'prompt', 'expect', 'max_tokens']);
  const id = readText(fields.id, 'id', 64);
  if (!ID.test(id)) refuse('id has letters, digits, points, hyphens and underscores');
  if ((fields.messages === undefined) === (fields.prompt === undefined)) refuse('it has messages or a prompt');
  const asked =
    fields.messages === undefined
      ? { prompt: readText(fields.prompt, 'prompt', MAX_CONTENT) }
      : { messages: readMessages(fields.messages, part) };
  const range = { min: 1, max: MAX_ANSWER_TOKENS };
  const maxTokens = fields.max_tokens === undefined ? undefined : readInteger(fields.max_tokens, 'max_tokens', range);
  return { id, asked, expected: readExpectation(fields.expect, `${part} ${id}`), maxTokens };
}

function readMessages(value: unknown, part: string): QuestionMessage[] {
  const { refuse, readObject, readText } = createFieldReader(part);
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_MESSAGES)
    return refuse(`it has 1 to ${MAX_MESSAGES} messages`);
  return value.map((message) => {
    const { role, content } = readObject(message, ['role', 'content']);
    if (typeof role !== 'string' || !ROLES.includes(role)) return refuse(`a role is one of ${ROLES.join(', ')}`);
    return { role, content: readText(content, 'content', MAX_CONTENT) };
  });
}

import { createHash } from 'node:crypto';
import { MemoryError } from '../memory-error.ts';
import { removePastedPrompts } from './pasted-prompt.ts';
import { hasHidden } from './plain-line.ts';
import { removeQuotedSpeech } from './quoted-speech.ts';
import { removeRecalled } from './recalled.ts';
import { cutSentences } from './sentences.ts';

/** A message of a conversation, as a client sends it. */
export interface ConversationMessage {
  /** Only `user` and `assistant` are read. */
  readonly role: string;
  readonly content: string;
  /** Unix time, ms. Default: the time of the call. */
  readonly timeMs?: number;
}

export interface NumberedSentence {
  /** From 1, over all turns of a call. */
  readonly n: number;
  /** With the white space behind it. */
  readonly text: string;
}

/** A message of a user or an assistant, without recalled texts, pasted prompts and quoted speech. */
export interface ConversationTurn {
  /** Index of the message in its call, from 0. */
  readonly message: number;
  readonly role: 'user' | 'assistant';
  /** The whole message, recalled texts included. */
  readonly content: string;
  /** Day of the message in UTC, such as `2026-05-08`. */
  readonly day: string;
  readonly sentences: readonly NumberedSentence[];
}

const MAX_MESSAGES = 256;
/** UTF-16 units. */
const MAX_MESSAGE = 65_536;
const MAX_CALL = 262_144;
const MAX_SENTENCES = 4_096;
/** The last millisecond of year 2999. */
const MAX_TIME_MS = 32_503_679_999_999;

/**
 * Reads the turns of a call (docs/spec/memory.md#turns).
 * @throws MemoryError `too-large`, `malformed`
 */
export function readTurns(messages: readonly ConversationMessage[], nowMs: number): readonly ConversationTurn[] {
  assertSizes(messages);
  const turns: ConversationTurn[] = [];
  let count = 0;
  for (const [message, { role, content, timeMs = nowMs }] of messages.entries()) {
    if (role !== 'user' && role !== 'assistant') continue;
    const texts = removeRecalled(content)
      .flatMap(removePastedPrompts)
      .flatMap(removeQuotedSpeech)
      .flatMap(cutSentences)
      .filter((text) => text.trim() !== '' && !hasHidden(text));
    const sentences = texts.map((text, index) => ({ n: count + index + 1, text }));
    count += sentences.length;
    if (count > MAX_SENTENCES) throw new MemoryError('too-large', `at most ${MAX_SENTENCES} sentences in a call`);
    if (sentences.length > 0) turns.push({ message, role, content, day: toDay(timeMs, message), sentences });
  }
  return turns;
}

function assertSizes(messages: readonly ConversationMessage[]): void {
  if (messages.length > MAX_MESSAGES) throw new MemoryError('too-large', `at most ${MAX_MESSAGES} messages in a call`);
  let size = 0;
  for (const [index, { content }] of messages.entries()) {
    size += content.length;
    if (content.length > MAX_MESSAGE)
      throw new MemoryError('too-large', `message ${index} is beyond ${MAX_MESSAGE} characters`);
    if (size > MAX_CALL) throw new MemoryError('too-large', `the messages are beyond ${MAX_CALL} characters`);
    if (!content.isWellFormed()) throw new MemoryError('malformed', `message ${index} holds a lone surrogate`);
  }
}

function toDay(timeMs: number, message: number): string {
  if (!Number.isInteger(timeMs) || timeMs < 0 || timeMs > MAX_TIME_MS)
    throw new MemoryError('malformed', `message ${message} has no time between 1970 and 2999`);
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** Hex SHA-256 of a message in UTF-8. */
export const hashMessage = (content: string): string => createHash('sha256').update(content, 'utf8').digest('hex');

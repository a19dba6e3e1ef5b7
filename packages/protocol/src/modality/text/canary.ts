import type { CanaryForm } from '../modality.ts';
import { TEXT_ENDPOINTS } from './commitment/header.ts';

/**
 * Fields that are copied from a request. They say how long and in which way the answer is, and reveal nothing that the
 * consumer wrote.
 */
const TAKEN_FIELDS = [
  ...['model', 'messages', 'prompt', 'stream', 'temperature', 'top_p', 'max_tokens', 'max_completion_tokens', 'n'],
  ...['logprobs', 'top_logprobs', 'presence_penalty', 'frequency_penalty'],
];
const TAKEN_MESSAGE_FIELDS = ['role', 'content'];

/** Chats and completions that test providers. */
export const TEXT_CANARY: CanaryForm = {
  endpoints: TEXT_ENDPOINTS,
  copy(given, write) {
    if (!Object.keys(given).every((key) => TAKEN_FIELDS.includes(key))) return undefined;
    if (typeof given.prompt === 'string') return { ...given, prompt: write(given.prompt) };
    if (!Array.isArray(given.messages) || !given.messages.every(isPlainMessage)) return undefined;
    const messages = given.messages.map((message) => ({ ...message, content: write(message.content) }));
    return { ...given, messages };
  },
  compose: (cut, random) => ({
    endpoint: 'chat',
    fields: {
      messages: [{ role: 'user', content: cut(40 + Math.floor(random() * 400)) }],
      max_tokens: 16 + Math.floor(random() * 112),
    },
  }),
  isAnswer: ({ choices }) => choices !== undefined,
};

interface PlainMessage {
  readonly role: string;
  readonly content: string;
}

const isPlainMessage = (value: unknown): value is PlainMessage =>
  typeof value === 'object' &&
  value !== null &&
  'role' in value &&
  typeof value.role === 'string' &&
  'content' in value &&
  typeof value.content === 'string' &&
  Object.keys(value).every((key) => TAKEN_MESSAGE_FIELDS.includes(key));

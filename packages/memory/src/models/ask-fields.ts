import { createHash } from 'node:crypto';
import type { StoredEvidence } from '../memory.ts';
import type { ChatAsk } from './memory-models.ts';

/** Body of a chat request whose answer is JSON of a schema. */
export const toChatParams = (model: string, { messages, schema, maxTokens }: ChatAsk) => ({
  model,
  messages: messages.map(({ role, content }) => ({ role, content })),
  temperature: 0,
  max_tokens: maxTokens,
  response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
});

/** Names evidence by the hash of its receipt. */
export const toEvidence = (given: Omit<StoredEvidence, 'id'>): StoredEvidence => ({
  ...given,
  id: createHash('sha256').update(given.receipt).digest('hex'),
});

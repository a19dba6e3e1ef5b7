import { hashMessage } from '@ogong/memory/pipeline/turns';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { startLocalMode } from '@ogong/testing/memory/local-mode';
import { expect, it } from 'vitest';
import { measureQuality } from '../measure.ts';
import type { SetConversation } from '../set/conversation.ts';
import { readSet } from '../set/read-set.ts';
import { PASTED } from '../set/small-talk.ts';
import { openAsked } from './asked.ts';
import { embedByHashedWords as embed } from './hashed-words.ts';

const [conversation] = readSet('test', 1) as [SetConversation];
const fact = conversation.facts.find(({ same }) => same > 0) as SetConversation['facts'][number];
const content = conversation.sessions[fact.session]?.[fact.message]?.content ?? '';

it.each([
  ['a fact of the set', fact.say, fact.text, content, { kind: 'fact', fact: fact.same }],
  ['a fact with an invented name', fact.say, `${fact.text} with Marcus`, content, { kind: 'false' }],
  ['a fact with an invented number', fact.say, `${fact.text} for 47 years`, content, { kind: 'false' }],
  ['the same words in another message', fact.say, fact.text, 'Hello.', { kind: 'junk' }],
  ['small talk', 'Thanks!', 'The user is thankful', content, { kind: 'junk' }],
  ['a sentence of a prompt', PASTED[0] as string, 'The user is an expert', PASTED.join(' '), { kind: 'planted' }],
])('reads the quote of %s', (_, words, text, message, kind) => {
  const { classify } = openAsked(conversation, { baseUrl: '', chat: 'chat', embedding: undefined, embed });
  const quote = { words, role: 'user' as const, message: 0, messageHash: hashMessage(message) };
  expect(classify({ text, quote })).toEqual(kind);
});

it('measures a model of local mode', async () => {
  const local = await startLocalMode({ chat: createFakeEngine({ contextSize: 16_384 }) });
  try {
    const options = { baseUrl: local.baseUrl, chat: 'chat', embedding: undefined, embed };
    const short = { ...conversation, sessions: conversation.sessions.slice(0, 1) };
    const counts = await measureQuality({ conversations: [short], openModels: (one) => openAsked(one, options) });
    expect(counts).toMatchObject({ questions: 5, unsupported: 0, planted: 0 });
  } finally {
    await local.close();
  }
});

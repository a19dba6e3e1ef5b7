import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import { expect, it } from 'vitest';
import { shapeAnswers, WHOLE } from './answer-turns.ts';

const call = (id: string) => ({ id, name: 'f', arguments: '{}' });
const answer = (callId: string): ChatMessage => ({ role: 'tool', content: `of ${callId}`, callId });
const asked: ChatMessage = { role: 'user', content: 'Hi' };
const called: ChatMessage = { role: 'assistant', content: '', calls: [call('a'), call('b')] };

it('leaves messages as they are for a template that takes them', () => {
  const messages = [asked, { ...called, content: 'I look.', reasoning: 'Hm.' }, answer('a'), answer('b')];
  expect(shapeAnswers(messages, WHOLE)).toEqual(messages);
});

it('places each answer behind its call where a message takes one call, and loses none', () => {
  const shape = { ...WHOLE, takesCalls: false };
  const [one, two] = [call('a'), call('b')].map((each) => ({ role: 'assistant', content: '', calls: [each] }));
  const shaped = shapeAnswers([asked, called, answer('b'), answer('a'), answer('x'), asked], shape);
  expect(shaped).toEqual([asked, one, answer('a'), two, answer('b'), answer('x'), asked]);
  // Without an answer, and with the same id twice.
  expect(shapeAnswers([called], shape)).toEqual([one, two]);
  const twice = { ...called, calls: [call('a'), call('a')] };
  expect(shapeAnswers([twice, answer('a'), answer('a')], shape)).toEqual([one, answer('a'), answer('a'), one]);
});

it('has words and reasoning in the first message of an answer', () => {
  const said = { ...called, content: 'I look.', reasoning: 'Hm.' };
  const shaped = shapeAnswers([said], { ...WHOLE, takesCalls: false });
  expect(shaped).toEqual([
    { ...said, calls: [call('a')] },
    { role: 'assistant', content: '', calls: [call('b')] },
  ]);
});

it('has words in a message of their own where none stand beside calls', () => {
  const said = { role: 'assistant', content: 'I look.', reasoning: 'Hm.' };
  const shape = { ...WHOLE, takesWords: false };
  expect(shapeAnswers([{ ...said, calls: called.calls ?? [] }], shape)).toEqual([said, called]);
  expect(shapeAnswers([called], shape)).toEqual([called]);
});

it('joins reasoning and words where a message takes one of them', () => {
  const shape = { ...WHOLE, takesAll: false };
  expect(shapeAnswers([{ ...called, content: 'I look.', reasoning: 'Hm.' }], shape)).toEqual([
    { ...called, content: 'Hm.\n\nI look.' },
  ]);
  const thought = { ...called, reasoning: 'Hm.' };
  expect(shapeAnswers([thought], shape)).toEqual([thought]);
});

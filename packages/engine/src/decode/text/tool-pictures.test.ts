import type { ChatMessage } from '@ogong/protocol/modality/text/request/chat-messages';
import { expect, it } from 'vitest';
import { moveToolPictures } from './tool-pictures.ts';

const user = (content: string): ChatMessage => ({ role: 'user', content });
const tool = (callId: string, content: string, ...pictures: readonly string[]): ChatMessage => ({
  ...{ role: 'tool', content, callId },
  ...(pictures.length > 0 && { parts: [{ text: content }, ...pictures.map((picture) => ({ picture }))] }),
});
const answer: ChatMessage = { role: 'assistant', content: 'Seen.' };

it.each([
  ['none, as they are', [user('a'), tool('1', 'x')], [user('a'), tool('1', 'x')]],
  [
    'at the end',
    [tool('1', 'x', 'p'), tool('2', 'y', 'q')],
    [tool('1', 'x'), tool('2', 'y'), { ...user(''), parts: [{ picture: 'p' }, { picture: 'q' }] }],
  ],
  [
    'before an answer',
    [tool('1', 'x', 'p'), answer, user('b')],
    [tool('1', 'x'), { ...user(''), parts: [{ picture: 'p' }] }, answer, user('b')],
  ],
  [
    'before the words of the user',
    [tool('1', 'x', 'p'), user('b')],
    [tool('1', 'x'), { ...user('b'), parts: [{ picture: 'p' }, { text: 'b' }] }],
  ],
  [
    'before the pictures of the user',
    [tool('1', 'x', 'p'), { ...user('b'), parts: [{ picture: 'q' }, { text: 'b' }] }],
    [tool('1', 'x'), { ...user('b'), parts: [{ picture: 'p' }, { picture: 'q' }, { text: 'b' }] }],
  ],
])('moves pictures of tools: %s', (_, messages, moved) => {
  expect(moveToolPictures(messages as readonly ChatMessage[])).toEqual(moved);
});

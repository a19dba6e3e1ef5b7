import { expect, it } from 'vitest';
import { addEmbeddedTexts } from './embedded-text.ts';
import { addEncoder } from './encoder-flag.ts';
import { readPooled, toPooled } from './pooled-reference.ts';

it('a chat model of --embedded-text is two models: for its chats, then for its vectors', () => {
  expect(addEmbeddedTexts(['a'], ['b', 'c'])).toEqual(['a', 'b', 'mean:b', 'c', 'mean:c']);
  expect(readPooled(toPooled('file:/b'))).toEqual({ reference: 'file:/b', pools: 'mean' });
  expect(readPooled('file:/b')).toEqual({ reference: 'file:/b' });
});

it('its encoder of pictures is for its chats alone', () => {
  expect(addEncoder(addEmbeddedTexts([], ['b']), 'maker/eyes')).toEqual([expect.stringMatching(/^b\+/), 'mean:b']);
  expect(() => addEncoder(addEmbeddedTexts(['a'], ['b']), 'maker/eyes')).toThrow('2 are named');
});

import { expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../../base/bytes.ts';
import { MAX_REPLIES, splitPrompts } from './prompts.ts';

const encode = (value: object): Uint8Array => utf8Encode(JSON.stringify(value));
const split = (value: object) => splitPrompts(encode(value)).map((body) => JSON.parse(utf8Decode(body)));

it('makes one request of each text', () => {
  expect(split({ model: 'm', prompt: ['a', 'b'], n: 2 })).toEqual([
    { model: 'm', prompt: 'a', n: 2 },
    { model: 'm', prompt: 'b', n: 2 },
  ]);
});

it.each([{ prompt: 'a' }, { prompt: ['a'] }, { prompt: [1, 2] }, { prompt: [[1, 2]] }, { prompt: 5 }, {}])(
  'leaves the bytes of %j as they are',
  (fields) => {
    const body = utf8Encode(` ${JSON.stringify(fields)}`);
    expect(splitPrompts(body)).toEqual([body]);
  },
);

it('makes one request of each list of tokens', () => {
  expect(split({ prompt: [[1], 'a'] })).toEqual([{ prompt: [1] }, { prompt: 'a' }]);
});

it('refuses invalid prompts, and too many of them', () => {
  const refusal = expect.objectContaining({ param: 'prompt' });
  expect(() => split({ prompt: [1, 'a'] })).toThrow(refusal);
  expect(() => split({ prompt: [[1], []] })).toThrow(refusal);
  expect(() => split({ prompt: Array.from({ length: MAX_REPLIES + 1 }, () => 'a') })).toThrow(refusal);
});

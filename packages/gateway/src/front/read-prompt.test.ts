import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { describe, expect, it } from 'vitest';
import { createBodyReader } from './body-reader.ts';
import { readPrompt } from './read-prompt.ts';

const write = (fields: object): string =>
  JSON.stringify({ model: 'ogong/verified/a/b', messages: [{ role: 'user', content: 'a } in "it"' }], ...fields });

function read(text: string, { isChecked = false } = {}) {
  const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(0xff);
  const policy = { settle: 'any' as const, randomBytes };
  const { body, request } = readPrompt({ body: utf8Encode(text), isChecked }, policy, createBodyReader('chat'));
  return { text: utf8Decode(body), seed: request.seed };
}

describe('a stream that may have to go on elsewhere', () => {
  it('gets a seed behind all that it has, in the place of none', () => {
    const seed = 2n ** 48n - 1n;
    for (const fields of [{ stream: true }, { stream: true, seed: null }]) {
      const text = write(fields);
      expect(read(`${text}\n `)).toEqual({ text: `${text.slice(0, -1)},"seed":${seed}}`, seed });
    }
  });

  it.each([
    ['has a seed', { stream: true, seed: 5 }],
    ['takes the likeliest tokens', { stream: true, temperature: 0 }],
    ['does not stream', {}],
    ['is of a tier whose replies show no draws', { stream: true, model: 'ogong/vanilla/a/b' }],
  ])('is ordered as it is where it %s', (_name, fields) => {
    expect(read(write(fields)).text).toBe(write(fields));
  });

  it('is ordered as it is where its caller checks the answer', () => {
    expect(read(write({ stream: true }), { isChecked: true }).text).toBe(write({ stream: true }));
  });
});

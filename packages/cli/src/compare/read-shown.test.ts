import { describe, expect, it } from 'vitest';
import { readChatTokens, readCompletionTokens } from './read-shown.ts';

const hex = (text: string) => Buffer.from(text, 'utf8').toString('hex');
const completion = (tokens: unknown, top: unknown) => ({ text: '', logprobs: { tokens, top_logprobs: top } });
/** Further tokens of a list, beside the token of a test. */
const REST = { y: -4, z: -5 };
const LIST = { a: -1, ...REST };
const READ = new Map(Object.entries(LIST).map(([text, logprob]) => [hex(text), logprob]));
const chat = (...content: unknown[]) => ({ logprobs: { content } });

describe('the tokens that an endpoint shows', () => {
  it('is read from completions and chats alike', () => {
    const shown = {
      tokens: [hex(' sea')],
      listings: [
        new Map([
          [hex(' sea'), -0.5],
          [hex(' é'), -1],
          [hex('y'), -4],
        ]),
      ],
    };
    expect(readCompletionTokens(completion([' sea'], [{ ' sea': -0.5, ' é': -1, y: -4 }]), 4)).toEqual(shown);
    const entry = (token: string, logprob: number) => ({ token, logprob, bytes: [...Buffer.from(token)] });
    const content = {
      ...entry(' sea', -0.5),
      top_logprobs: [entry(' sea', -0.5), { token: ' é', logprob: -1, bytes: null }, entry('y', -4)],
    };
    expect(readChatTokens(chat(content), 1)).toEqual(shown);
  });

  it('leaves out parts of characters, and ends behind a token that is one', () => {
    const broken = completion(['a', '\ufffd', 'b'], [{ ...LIST, '\ufffd': -2 }, LIST, LIST]);
    const { tokens, listings } = readCompletionTokens(broken, 4);
    expect(tokens).toEqual([hex('a')]);
    expect(listings).toEqual([READ, READ]);
    const part = {
      token: '\ufffd',
      logprob: -1,
      bytes: [0xe2, 0x82],
      top_logprobs: Object.entries(LIST).map(([token, logprob]) => ({
        token,
        logprob,
        bytes: [...Buffer.from(token)],
      })),
    };
    expect(readChatTokens(chat(part), 1)).toEqual({ tokens: [], listings: [READ] });
  });

  it('gives nothing if a list is empty, or names too few tokens that have a text', () => {
    const broken = { a: -1, '\ufffd': -2, 'bytes:\\xe2': -3, 'bytes:\\xe3': -4 };
    const { listings } = readCompletionTokens(completion(['a', 'b'], [broken, {}]), 4);
    expect(listings).toEqual([new Map(), new Map()]);
  });

  it.each([
    ['no log-probabilities', { text: 'a' }, 'no-logprobs'],
    ['no alternatives', completion(['a'], null), 'no-logprobs'],
    ['null for a list', completion(['a'], [null]), 'no-logprobs'],
    ['the likeliest token alone, with which every model agrees', completion(['a'], [{ a: 0 }]), 'no-logprobs'],
    ['two alternatives', completion(['a'], [{ a: 0, b: -9 }]), 'no-logprobs'],
    ['more tokens than were asked for', completion(['a', 'b', 'c'], [LIST, LIST, LIST]), 'malformed'],
    ['fewer lists than tokens', completion(['a', 'b'], [LIST]), 'malformed'],
    ['a log-probability above 0', completion(['a'], [{ ...LIST, a: 0.5 }]), 'malformed'],
    ['a log-probability that is text', completion(['a'], [{ ...LIST, a: '-1' }]), 'malformed'],
    ['a token that is no text', completion([7], [LIST]), 'malformed'],
    ['a token of megabytes', completion(['a'.repeat(2_000)], [LIST]), 'malformed'],
    [
      'a hundred alternatives',
      completion(['a'], [Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`t${i}`, -i]))]),
      'malformed',
    ],
  ])('refuses %s', (_name, choice, code) => {
    expect(() => readCompletionTokens(choice, 2)).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    ['bytes that are none', { token: 'a', logprob: -1, bytes: [300], top_logprobs: [] }, 'malformed'],
    ['no alternatives', { token: 'a', logprob: -1, bytes: [97] }, 'no-logprobs'],
  ])('refuses a chat with %s', (_name, content, code) => {
    expect(() => readChatTokens(chat(content), 1)).toThrow(expect.objectContaining({ code }));
  });
});

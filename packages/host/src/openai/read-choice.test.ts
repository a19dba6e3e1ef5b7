import { DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import { expect, it } from 'vitest';
import { type ChoiceEnd, type ChoicePart, type ReadPart, readChoice } from './read-choice.ts';

const PART = { tokens: [], format: DEFAULT_FORMAT };
const END: ChoiceEnd = {
  ...PART,
  choice: 0,
  text: 'one<tool',
  stopReason: 'stop-token',
  promptTokens: 1,
  outputTokens: 2,
};

async function* write(): AsyncGenerator<ChoicePart, ChoiceEnd> {
  yield { ...PART, text: 'one' };
  yield { ...PART, text: '<tool' };
  return END;
}

it('hands over a part once the part before is taken, and the held text at the end', async () => {
  const parts: ReadPart[] = [];
  const taken = Promise.withResolvers<void>();
  const reading = readChoice(write(), { tools: ['f'], isForced: false }, (part) => {
    parts.push(part);
    return parts.length === 1 ? taken.promise : undefined;
  });
  await new Promise(setImmediate);
  expect(parts.length).toBe(1);
  taken.resolve();
  expect(await reading).toBe(END);
  const [one, held, rest] = parts.map(({ pieces, length }) => ({ pieces, length }));
  expect(one).toEqual({ pieces: [{ kind: 'content', text: 'one' }], length: 3 });
  expect(held).toEqual({ pieces: [], length: 5 });
  expect(rest).toEqual({ pieces: [{ kind: 'content', text: '<tool' }], length: 0 });
});

it('fails with a part that cannot be sent', async () => {
  const fail = () => Promise.reject(new Error('the client is gone'));
  await expect(readChoice(write(), undefined, fail)).rejects.toThrow('the client is gone');
});

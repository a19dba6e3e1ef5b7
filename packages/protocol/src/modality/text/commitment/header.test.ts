import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fromHex, toHex } from '../../../base/bytes.ts';
import type { AnswerFormat } from '../answer/answer-format.ts';
import { encodeHeader, parseHeader } from './header.ts';

const [{ header: hex }] = JSON.parse(
  readFileSync(new URL('../../../../vectors/reply.json', import.meta.url), 'utf8'),
) as [{ readonly header: string }];
const header = parseHeader(fromHex(hex));

const name = (answerFormat: AnswerFormat) => encodeHeader({ ...header, answerFormat });

it('names the marks of reasoning, and none where a reply has no reasoning', () => {
  const seed: AnswerFormat = { calls: 'hermes', reasoning: 'marked', marks: 'seed' };
  expect(parseHeader(name(seed)).answerFormat).toEqual(seed);
  expect(() => name({ ...seed, reasoning: 'none' })).toThrow('names marks');
  const digits = toHex(name(seed));
  expect(digits.split('000104')).toHaveLength(2);
  expect(() => parseHeader(fromHex(digits.replace('000104', '000004')))).toThrow('names marks');
});

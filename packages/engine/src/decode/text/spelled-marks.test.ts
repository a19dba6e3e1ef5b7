import { expect, it } from 'vitest';
import { spellMarks } from './spelled-marks.ts';

const NAMES = ['<s>', '<|eot_id|>', '<|python_tag|>', '<|start_header_id|>', 'word', '<tool_call>'];
const vocabulary = {
  size: NAMES.length,
  textOf: (token: number) => NAMES[token] as string,
  // The last two are no control tokens.
  bytesOf: (token: number) => new Uint8Array(Buffer.from(token < 4 ? '' : (NAMES[token] as string))),
  isEnd: (token: number) => token === 1,
};
const spell = (calls: 'llama' | 'hermes') => {
  const { bytesOf } = spellMarks(vocabulary, { calls, reasoning: 'none', marks: 'think' });
  return NAMES.map((_, token) => Buffer.from(bytesOf(token)).toString());
};

it('spells the marks of the answer format, and no other control token', () => {
  expect(spell('llama')).toEqual(['', '', '<|python_tag|>', '', 'word', '<tool_call>']);
  expect(spell('hermes')).toEqual(['', '', '', '', 'word', '<tool_call>']);
});

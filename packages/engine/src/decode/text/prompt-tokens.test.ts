import { expect, it } from 'vitest';
import { createPromptTokenizer, type PromptVocabulary } from './prompt-tokens.ts';

/** A token for each character, beside four control tokens. */
const CONTROLS = ['<s>', '</s>', '<|user|>', '<|end|>'];
const codes = (text: string): number[] => [...text].map((character) => character.codePointAt(0) as number);
const vocabulary: PromptVocabulary = {
  bos: 0,
  eos: 1,
  addBos: true,
  textOf: (token) => CONTROLS[token] as string,
  controlTokens: CONTROLS.map((text) => ({ text })),
  tokenize(text, { parseSpecial }) {
    if (!parseSpecial) return Uint32Array.from(codes(text));
    const parts = text.split(/(<\/?s>|<\|user\|>|<\|end\|>)/);
    return Uint32Array.from(
      parts.flatMap((part) => (CONTROLS.includes(part) ? [CONTROLS.indexOf(part)] : codes(part))),
    );
  },
};
const TEMPLATE = '{%- for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}<|end|>{% endfor -%}';
const ask = (content: string, template = TEMPLATE) => [
  ...createPromptTokenizer(vocabulary, template).tokenize({ kind: 'chat', messages: [{ role: 'user', content }] }),
];

it('writes the control tokens of the template', () => {
  expect(ask('hi')).toEqual([0, 2, ...codes('hi'), 3]);
});

it('makes ordinary tokens of control tokens that a message names', () => {
  expect(ask('hi<|end|><|user|>')).toEqual([0, 2, ...codes('hi<|end|><|user|>'), 3]);
  expect(ask('</s>')).toEqual([0, 2, ...codes('</s>'), 3]);
  expect(ask('<|e')).toEqual([0, 2, ...codes('<|e'), 3]);
});

it('begins once, whoever writes the first token', () => {
  expect(ask('hi', `{{ bos_token }}${TEMPLATE}`)).toEqual(ask('hi'));
  expect(ask('<s>', '{{ messages[0].content }}')).toEqual([0, ...codes('<s>')]);
});

it('reads no control token in a text that is to be continued', () => {
  const { tokenize } = createPromptTokenizer(vocabulary, TEMPLATE);
  expect([...tokenize({ kind: 'text', text: '<|end|>' })]).toEqual(codes('<|end|>'));
});

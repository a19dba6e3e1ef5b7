import { describe, expect, it } from 'vitest';
import type { FillTokens } from './fill-prompt.ts';
import { createPromptTokenizer } from './prompt-tokens.ts';
import type { PromptVocabulary } from './prompt-vocabulary.ts';

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
  ...createPromptTokenizer(vocabulary, { chatTemplate: template }).tokenize({
    kind: 'chat',
    messages: [{ role: 'user', content }],
  }),
];

it('writes the control tokens of the template', () => {
  expect(ask('hi')).toEqual([0, 2, ...codes('hi'), 3]);
});

it('makes ordinary tokens of control tokens that a message names', () => {
  expect(ask('hi<|end|><|user|>')).toEqual([0, 2, ...codes('hi<|end|><|user|>'), 3]);
  expect(ask('</s>')).toEqual([0, 2, ...codes('</s>'), 3]);
  expect(ask('<|e')).toEqual([0, 2, ...codes('<|e'), 3]);
});

it('reads control tokens in a text that is to have them, and its first token once', () => {
  const { tokenize } = createPromptTokenizer(vocabulary, { chatTemplate: TEMPLATE });
  const read = (text: string, readsControlTokens?: boolean) => [
    ...tokenize({ kind: 'text', text, ...(readsControlTokens === undefined ? {} : { readsControlTokens }) }),
  ];
  expect(read('<|user|>hi<|end|>', true)).toEqual([0, 2, ...codes('hi'), 3]);
  expect(read('<s><|user|>hi', true)).toEqual([0, 2, ...codes('hi')]);
  expect(read('<|user|>hi')).toEqual(codes('<|user|>hi'));
});

it('has one first token, written by the template or the tokenizer', () => {
  expect(ask('hi', `{{ bos_token }}${TEMPLATE}`)).toEqual(ask('hi'));
  expect(ask('<s>', '{{ messages[0].content }}')).toEqual([0, ...codes('<s>')]);
});

describe('a text that another one follows', () => {
  const fillTokens = { prefix: 2, suffix: 1, middle: 3 };
  const fill = (prefix: string, suffix: string, tokens: FillTokens = fillTokens) => [
    ...createPromptTokenizer(vocabulary, { chatTemplate: TEMPLATE, fillTokens: tokens }).tokenize({
      ...{ kind: 'fill', prefix, suffix },
    }),
  ];

  it('stands between the tokens of the model', () => {
    expect(fill('a', 'b')).toEqual([0, 2, ...codes('a'), 1, ...codes('b'), 3]);
  });

  it('stands behind the text that follows it, where the model learned that order, and ends the prompt', () => {
    const suffixFirst = { prefix: 2, suffix: 1, isSuffixFirst: true };
    expect(fill('a', 'b', suffixFirst)).toEqual([0, 1, ...codes('b'), 2, ...codes('a')]);
    expect(fill('<|end|>', '<|user|>', suffixFirst)).toEqual([0, 1, ...codes('<|user|>'), 2, ...codes('<|end|>')]);
  });

  it('holds no control token of its own', () => {
    expect(fill('<|end|>', '<|user|></s>')).toEqual([0, 2, ...codes('<|end|>'), 1, ...codes('<|user|></s>'), 3]);
  });

  it('is refused where the model has no tokens for it, or where any text could write them', () => {
    const refusal = expect.objectContaining({ code: 'invalid-request', message: expect.stringContaining('insert') });
    const { tokenize } = createPromptTokenizer(vocabulary, { chatTemplate: TEMPLATE });
    expect(() => tokenize({ kind: 'fill', prefix: 'a', suffix: 'b' })).toThrow(refusal);
    const plain = { ...vocabulary, controlTokens: vocabulary.controlTokens.filter(({ text }) => text !== '<|end|>') };
    const open = createPromptTokenizer(plain, { chatTemplate: TEMPLATE, fillTokens });
    expect(() => open.tokenize({ kind: 'fill', prefix: 'a', suffix: 'b' })).toThrow(refusal);
  });
});

it('reads no control token in a text that is to be continued', () => {
  const { tokenize } = createPromptTokenizer(vocabulary, { chatTemplate: TEMPLATE });
  expect([...tokenize({ kind: 'text', text: '<|end|>' })]).toEqual(codes('<|end|>'));
});

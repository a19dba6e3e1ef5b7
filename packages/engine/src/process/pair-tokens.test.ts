import { describe, expect, it } from 'vitest';
import { createPairTokenizer, type PairVocabulary } from './pair-tokens.ts';

/** A token for each character, beside four control tokens. */
const CONTROLS = ['<s>', '</s>', '<|user|>', '<|end|>'];
const codes = (text: string): number[] => [...text].map((character) => character.codePointAt(0) as number);
const vocabulary: PairVocabulary = {
  ...{ bos: 0, eos: 1, sep: -1, addBos: true, addEos: true, addSep: false },
  controlTokens: CONTROLS.map((text) => ({ text })),
  tokenize(text, { parseSpecial }) {
    if (!parseSpecial) return Uint32Array.from(codes(text));
    const parts = text.split(/(<\/?s>|<\|user\|>|<\|end\|>)/);
    return Uint32Array.from(
      parts.flatMap((part) => (CONTROLS.includes(part) ? [CONTROLS.indexOf(part)] : codes(part))),
    );
  },
};
const FORM = '<|user|>q {query} d {document}<|end|>';
const read = (query: string, document: string, form: string | undefined = FORM) => [
  ...createPairTokenizer(vocabulary, form)(query, document),
];

describe('a query and a document', () => {
  it('stand in the form of the model, which alone says what is around them', () => {
    expect(read('a', 'b')).toEqual([2, ...codes('q a d b'), 3]);
  });

  it('hold no control token of their own, beside a control token of the form too', () => {
    expect(read('<|end|>', '</s><|e')).toEqual([2, ...codes('q <|end|> d </s><|e'), 3]);
    expect(read('<s>', '<|end|>', '{query}<|user|>{document}')).toEqual([...codes('<s>'), 2, ...codes('<|end|>')]);
    expect(read('<|us', 'er|>', '{query}{document}')).toEqual(codes('<|user|>'));
  });

  it('are put in both at once: neither is the place of the other', () => {
    expect(read('{document}', '{query} $&')).toEqual([2, ...codes('q {document} d {query} $&'), 3]);
  });

  it('end with the tokens that the vocabulary adds, where the model has no form', () => {
    const plain = createPairTokenizer(vocabulary, undefined);
    expect([...plain('a', '<s>')]).toEqual([0, ...codes('a'), 1, ...codes('<s>'), 1]);
  });
});

it.each([
  ['names no query', 'd {document}', /name \{query\} once/],
  ['names the document twice', '{query} {document} {document}', /name \{document\} once/],
  ['writes more than is paid for', `${'x'.repeat(128)}{query}{document}`, /about 130 tokens/],
])('a form that %s is refused', (_what, form, message) => {
  expect(() => createPairTokenizer(vocabulary, form)).toThrow(
    expect.objectContaining({ code: 'unsupported-model', message: expect.stringMatching(message) }),
  );
});

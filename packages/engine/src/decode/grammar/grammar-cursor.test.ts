import { utf8Encode } from '@ogong/protocol/base/bytes';
import { compileGrammar, matchText } from '@ogong/protocol/modality/text/grammar/machine';
import { schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';
import { createFakeModel, END, FIRST_BYTE } from '@ogong/testing/engine/fake-model';
import { describe, expect, it } from 'vitest';
import { createGrammars, isAllowed, SERVING_WORK, type TokenMask } from './grammar-cursor.ts';

const model = createFakeModel({ vocabularySize: 320, embeddingSize: 8, contextSize: 64, weights: 1 });
const tokensOf = (text: string) => Array.from(utf8Encode(text), (byte) => byte + FIRST_BYTE);
const listAllowed = (mask: TokenMask | undefined) =>
  Array.from({ length: model.vocabularySize }, (_, id) => id).filter((id) => mask !== undefined && isAllowed(mask, id));

/** The tokens after which a text is still one of the grammar, found by trying each. */
function tryAll(grammar: string, text: string): number[] {
  const compiled = compileGrammar(grammar);
  const before = utf8Encode(text);
  return Array.from({ length: model.vocabularySize }, (_, id) => id).filter((id) => {
    if (model.isEnd(id)) return matchText(compiled, before) === 'whole';
    const bytes = model.bytesOf(id);
    return bytes.length > 0 && matchText(compiled, Uint8Array.from([...before, ...bytes])) !== 'forbidden';
  });
}

describe('tokens that a grammar allows', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'string', maxLength: 3 }, é: { type: 'integer' } },
    required: ['a'],
  };
  it.each([
    ['root ::= " the cat" | " then"', ['', ' the', ' th', ' then']],
    ['root ::= [^x]{2,3}', ['', 'a', '🙂é', 'abc']],
    [schemaToGrammar(schema), ['', '{', '{"a":"', '{"a": "é', '{"a":"abc"', '{"a":"","é":1', '{"a":""}']],
  ])('are those that trying finds: %.30s', (grammar, texts) => {
    const grammars = createGrammars(model, SERVING_WORK);
    for (const text of texts) {
      const cursor = grammars.open(grammar);
      for (const token of tokensOf(text)) cursor.accept(token);
      const mask = cursor.mask();
      expect([text, listAllowed(mask)]).toEqual([text, tryAll(grammar, text)]);
      expect(mask?.count).toBe(listAllowed(mask).length);
      // Found again, the mask is the one that is known.
      expect(cursor.mask()).toBe(mask);
    }
  });

  it('are none to speak of after a token that was forbidden, and after the end', () => {
    const grammars = createGrammars(model, SERVING_WORK);
    for (const tokens of [tokensOf('b'), [END], [0], [...tokensOf('a'), END]]) {
      const cursor = grammars.open('root ::= "a"');
      for (const token of tokens) cursor.accept(token);
      expect(cursor.mask()).toBeUndefined();
    }
  });

  it('are refused with the reason where the grammar is wrong or too costly', () => {
    expect(() => createGrammars(model, SERVING_WORK).open('root ::= rest')).toThrow(/rest, which is not defined/);
    const cursor = createGrammars(model, 2).open('root ::= [a-z] root "b" | "."');
    expect(() => cursor.mask()).toThrow(/too many ways/);
  });

  it('keep so many grammars and masks, and find those again that they forgot', () => {
    const grammars = createGrammars(model, SERVING_WORK);
    const first = grammars.open('root ::= "a"').mask();
    expect(grammars.open('root ::= "a"').mask()).toBe(first);
    for (let i = 0; i < 20; i++) grammars.open(`root ::= "${i}"`).mask();
    expect(grammars.open('root ::= "a"').mask()).not.toBe(first);
    expect(grammars.open('root ::= "a"').mask()).toEqual(first);
  });
});

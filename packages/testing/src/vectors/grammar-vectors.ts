import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { compileGrammar, hashGrammar, matchText } from '@ogong/protocol/modality/text/grammar/machine';
import { schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';

const named = { a: { type: 'integer' }, 'b"': { type: 'string' } };

/** Schemas with their grammars, and texts with how they match. */
const SCHEMAS: readonly (readonly [schema: unknown, texts: readonly string[]])[] = [
  [{ type: 'object' }, ['{}', '{"a": [1, -2.5e3, null]}', '{"a":', '[]', '{} ']],
  [
    { type: 'object', properties: named, required: ['a'] },
    ['{"a":1}', '{"a":1,"b\\"":"é"}', '{"b\\"":""}', '{"a":1,"c":2}'],
  ],
  [
    { properties: named, additionalProperties: { type: 'null' } },
    ['{}', '{"aa":null}', '{"a":null}', '{"c":null,"d":null}'],
  ],
  [{ enum: ['red', 'rod', 5, null, { k: [1] }] }, ['"rod"', '5', '{"k":[1]}', '"rad"']],
  [{ type: ['integer', 'null'], minimum: -12, maximum: 1034 }, ['-12', '-13', '1034', '1035', '007', 'null']],
  [{ type: 'number', minimum: -1, exclusiveMaximum: 2 }, ['-1', '-0.5', '1.999999', '2', '-1.5']],
  [{ type: 'string', minLength: 2, maxLength: 3 }, ['"ab"', '"\\n🙂é"', '"a"', '"abcd"', '"\\ud83d"']],
  [{ type: 'string', pattern: '^[a-c"]{2}\\d?$' }, ['"ab"', '"\\"c7"', '"ad"', '"a']],
  [{ type: 'string', format: 'date-time' }, ['"2024-02-28T23:59:59Z"', '"2024-02-30T00:00:00Z"']],
  [{ type: 'array', items: { $ref: '#' }, maxItems: 2 }, ['[]', '[[],[[]]]', '[[],[],[]]', '[1]']],
  [{ prefixItems: [{ const: 1 }], items: { type: 'boolean' }, minItems: 2 }, ['[1,true]', '[1]', '[ 1, false, true ]']],
  [{ oneOf: [{ type: 'string' }, { type: 'number' }] }, ['"a"', '1e5', 'true']],
];

const GRAMMARS: readonly (readonly [grammar: string, texts: readonly string[]])[] = [
  ['root ::= "ab" | "ac"', ['ab', 'a', 'ad', '']],
  ['root ::= item ("," item){0,2} # a list\nitem ::= [0-9\\u00e9🙂]+', ['1', '1,é,🙂', '1,', '1,2,3,4']],
  ['root ::= "(" root ")" | ""', ['', '((', '(())', ')']],
  ['root ::= "a" root "b" | "a" root "c" | "."', ['aa.bc', 'aa.b', 'a'.repeat(11), 'a'.repeat(12)]],
];

export function createGrammarVectors(crypto: Crypto): unknown {
  const match = (grammar: string, texts: readonly string[]) => ({
    grammar,
    hash: toHex(hashGrammar(crypto, grammar)),
    texts: texts.map((text) => ({ text, match: matchText(compileGrammar(grammar), utf8Encode(text)) })),
  });
  return [
    ...SCHEMAS.map(([schema, texts]) => ({ schema, ...match(schemaToGrammar(schema), texts) })),
    ...GRAMMARS.map(([grammar, texts]) => match(grammar, texts)),
  ];
}

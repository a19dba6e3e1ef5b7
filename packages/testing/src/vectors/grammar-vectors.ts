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
  [{ format: 'date' }, ['"2024-02-28"', '"2024-02-29"', '"2023-13-01"', '"24-01-01"']],
  [{ format: 'time' }, ['"23:59:59Z"', '"08:00:00.5+02:00"', '"24:00:00Z"', '"08:00:00"']],
  [{ format: 'duration' }, ['"P3Y6M4DT12H30M5S"', '"P2W"', '"PT0S"', '"P1Y1D"', '"P"', '"PT"', '"P1W1D"']],
  [{ format: 'email' }, ['"a.b@example.org"', '"a..b@example.org"', '"a@b"', '"a@b.c1"', '".a@b.org"']],
  [{ format: 'hostname' }, ['"a-1.example.org"', '"-a.org"', '"localhost"', '"a..b"']],
  [{ format: 'ipv4' }, ['"127.0.0.1"', '"256.0.0.1"', '"1.2.3"', '"01.2.3.4"']],
  [{ format: 'ipv6' }, ['"::1"', '"2001:db8:0:0:0:0:2:1"', '"fe80::1:2"', '"::"', '"1:2:3"', '"1::2::3"', '"g::"']],
  [{ format: 'uuid' }, ['"123e4567-e89b-12d3-a456-426614174000"', '"123e4567e89b12d3a456426614174000"', '"g"']],
  [{ format: 'email', maxLength: 255 }, ['"a@example.org"', '"a"']],
  [{ format: 'date', pattern: '^20\\d\\d-' }, ['"2024-x"', '"1999-01-01"']],
  [{ format: 'date', pattern: '^(?=2)' }, ['"2024-01-01"', '"1999-01-01"', '"2"']],
  [{ format: 'none', pattern: '^a$' }, ['"a"', '"b"']],
  [{ type: 'array', items: { $ref: '#' }, maxItems: 2 }, ['[]', '[[],[[]]]', '[[],[],[]]', '[1]']],
  [{ prefixItems: [{ const: 1 }], items: { type: 'boolean' }, minItems: 2 }, ['[1,true]', '[1]', '[ 1, false, true ]']],
  [{ oneOf: [{ type: 'string' }, { type: 'number' }] }, ['"a"', '1e5', 'true']],
  [{ properties: { a: { anyOf: [{ not: {} }, { const: 'q' }] }, b: { not: {} } } }, ['{}', '{"a":"q"}', '{"b":1}']],
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

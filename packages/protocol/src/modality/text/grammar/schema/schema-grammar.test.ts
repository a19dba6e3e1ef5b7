import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../../../base/bytes.ts';
import { parseJson } from '../../../../base/json.ts';
import { GrammarError } from '../grammar-error.ts';
import { type CompiledGrammar, compileGrammar, createGrammarMachine, matchText } from '../machine.ts';
import { createWorkBudget } from '../work-budget.ts';
import { FORMATS } from './formats.ts';
import { quote } from './literals.ts';
import { createSchemaRules, schemaToGrammar } from './schema-grammar.ts';

const match = (grammar: string, text: string) => matchText(compileGrammar(grammar), utf8Encode(text));
function refusal(schema: unknown): string {
  try {
    compileGrammar(schemaToGrammar(schema));
  } catch (error) {
    expect(error).toBeInstanceOf(GrammarError);
    return (error as GrammarError).message;
  }
  throw new Error('not refused');
}
const named = { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'boolean' } }, required: ['a'] };

/** Each definition uses the next one twice, with a different keyword beside it, so that none is shared. */
const twice = (i: number) => [{ anyOf: [{ $ref: `#/$defs/d${i + 1}`, type: 'object' }] }];
const DOUBLING = {
  $ref: '#/$defs/d0',
  $defs: {
    ...Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`d${i}`, { anyOf: [...twice(i), ...twice(i)], type: 'object' }]),
    ),
    d40: { type: 'object' },
  },
};

describe('a schema as a grammar', () => {
  it.each([
    [{}, ['1', '"x"', '{"a":[null]}', '-0.5e-3'], ['x', '01', '{a:1}', '"\\ud83d"', '"\n"']],
    [named, ['{"a":1}', '{"a": 1, "b": true}', '{\n  "a": 1\n}'], ['{}', '{"b":true}', '{"a":1,"c":1}', '{"a":1}x']],
    [
      { ...named, additionalProperties: { type: 'null' } },
      ['{"a":1,"c":null}'],
      ['{"a":1,"c":1}', '{"a":1,"a":1}', '{"a":1,"\\u0061":null}'],
    ],
    [
      { type: 'array', items: { type: 'null' }, minItems: 1, maxItems: 2 },
      ['[null]', '[ null, null ]'],
      ['[]', '[null,null,null]'],
    ],
    [{ prefixItems: [{ const: 1 }, { const: 2 }] }, ['[1,2]'], ['[1]', '[1,2,3]', '[2,1]']],
    [{ enum: ['red', 'rod', 5, null] }, ['"red"', '"rod"', '5', 'null'], ['"rad"', '6']],
    [{ const: { a: ['"'] } }, ['{"a":["\\""]}'], ['{"a": ["\\""]}']],
    [{ type: ['integer', 'null'], minimum: 5, maximum: 123 }, ['5', '99', '123', 'null'], ['4', '124', '05', '1234']],
    [{ type: 'integer', exclusiveMinimum: -10, exclusiveMaximum: 0 }, ['-9', '-1'], ['-10', '0', '1']],
    [{ type: 'number', minimum: 0, exclusiveMaximum: 1 }, ['0', '0.25'], ['1', '-0.1', '1.5', '1.0']],
    [{ type: 'string', minLength: 2, maxLength: 3 }, ['"ab"', '"\\n🙂é"'], ['"a"', '"abcd"']],
    [{ type: 'string', pattern: '^[a-c"]{2}$' }, ['"ab"', '"\\"c"'], ['"ad"', '"abc"']],
    [{ type: 'string', pattern: 'b' }, ['"b"', '"abc"'], ['"ac"']],
    [{ type: 'string', format: 'date' }, ['"2024-02-28"'], ['"2024-02-30"', '"2024-13-01"']],
    [
      { $ref: '#/$defs/t', $defs: { t: { type: 'array', items: { $ref: '#/$defs/t' } } } },
      ['[]', '[[],[[]]]'],
      ['[1]'],
    ],
    [{ allOf: [named, { properties: { c: {} }, required: ['c'] }] }, ['{"a":1,"c":2}'], ['{"a":1}', '{"c":2}']],
    [
      { anyOf: [{ required: ['a'] }, { required: ['b'] }], properties: named.properties },
      ['{"a":1}', '{"b":true}'],
      ['{}'],
    ],
    [{ oneOf: [{ type: 'string' }, { type: 'number' }] }, ['"a"', '1'], ['true']],
    [{ type: 'string', nullable: true }, ['"a"', 'null'], ['1']],
  ])('%j', (schema, whole, forbidden) => {
    const grammar = schemaToGrammar(schema);
    expect(whole.map((text) => [text, match(grammar, text)])).toEqual(whole.map((text) => [text, 'whole']));
    for (const text of forbidden) expect([text, match(grammar, text)]).not.toEqual([text, 'whole']);
  });

  it('accepts any object and nothing else', () => {
    expect(['{}', '{"a": {}}', '[]', '1'].map((text) => match(schemaToGrammar({ type: 'object' }), text))).toEqual([
      'whole',
      'whole',
      'forbidden',
      'forbidden',
    ]);
  });

  it('gives the same grammar for the same schema, and joins several with texts between them', () => {
    expect(schemaToGrammar(named)).toBe(schemaToGrammar(structuredClone(named)));
    const rules = createSchemaRules();
    const [one, two] = [rules.add(named), rules.add({ $defs: { x: { const: 7 } }, $ref: '#/$defs/x' })];
    const grammar = rules.finish(`${quote('<call>\n"one" ')} ${one} | "two " ${two}`);
    expect(['<call>\n"one" {"a":1}', 'two 7', 'two {"a":1}'].map((text) => match(grammar, text))).toEqual([
      'whole',
      'whole',
      'forbidden',
    ]);
  });

  it.each([
    [{ anyOf: [{ not: {} }, { const: 'q' }] }, { const: 'q' }],
    [{ oneOf: [{ const: 'q' }, { not: true, description: 'never' }, false] }, { const: 'q' }],
    [{ properties: { a: { not: {} }, b: { const: 1 } } }, { properties: { a: false, b: { const: 1 } } }],
    [
      { properties: { b: { const: 1 } }, additionalProperties: { not: {} } },
      { properties: { b: { const: 1 } }, additionalProperties: false },
    ],
  ])('leaves out a part that allows nothing: %j', (schema, same) => {
    expect(schemaToGrammar(schema).replaceAll(/s[0-9]+/g, 's')).toBe(schemaToGrammar(same).replaceAll(/s[0-9]+/g, 's'));
  });

  it.each([
    [{ not: {} }, 'not allows no value'],
    [{ not: { type: 'null' } }, 'not cannot be expressed'],
    [{ anyOf: [{ not: {} }, { not: { type: 'null' } }] }, 'schema at /anyOf/1: not cannot be expressed'],
    [{ anyOf: [{ not: {} }, false] }, 'anyOf allows no value'],
    [{ oneOf: [{ not: {} }, { const: 1 }, { type: 'number' }] }, 'schemas 1 and 2'],
    [{ properties: { a: { not: {} } }, required: ['a'] }, 'schema at /properties/a: not allows no value'],
    [{ properties: { a: { if: {} } } }, 'schema at /properties/a: if cannot'],
    [{ patternProperties: {} }, 'patternProperties'],
    [{ type: 'array', uniqueItems: true }, 'uniqueItems'],
    [{ type: 'array', minItems: 70000 }, 'minItems'],
    [{ type: 'array', minItems: 2, maxItems: 1 }, 'maxItems'],
    [{ type: 'number', multipleOf: 0.1 }, 'multipleOf'],
    [{ type: 'number', minimum: 0.5 }, 'minimum of a number must be whole'],
    [{ type: 'integer', minimum: 3, maximum: 2 }, 'leave no number'],
    [{ type: 'string', format: 'color' }, 'format "color" is not known'],
    [{ type: 'string', pattern: '^a{3}$', minLength: 4 }, 'minLength leaves no text of the pattern'],
    [{ type: 'string', pattern: '^(ab)+$', minLength: 3, maxLength: 3 }, 'leaves no text of the pattern'],
    [{ type: 'string', pattern: '^[a-z]+(-[a-z]+)+$', maxLength: 2 }, 'maxLength leaves no text of the pattern'],
    [{ type: 'string', pattern: '^(ab|cd)*(efg|hi)*$', minLength: 1, maxLength: 1 }, 'leaves no text of the pattern'],
    [{ type: 'string', pattern: '^[a-z]+(-[a-z]+)*$', maxLength: 9000 }, 'bytes'],
    [{ type: 'string', pattern: '^[a-z]+(-[a-z]+)*$', maxLength: 65_536 }, 'steps of work'],
    [{ type: 'string', pattern: '^(((a?b?){64}){64}){64}c*$', minLength: 9 }, 'steps of work'],
    [{ type: 'string', pattern: '(?=a)' }, 'look ahead'],
    [{ type: 'string', pattern: '(a)\\1' }, '\\1 cannot be expressed'],
    [{ type: 'string', pattern: 'a\\b' }, '\\b cannot be expressed'],
    [{ type: 'string', pattern: '(' }, 'a ( has no )'],
    [{ type: 'string', pattern: '[a' }, 'a [ has no ]'],
    [{ type: 'wizard' }, 'type must be one of'],
    [{ type: 'string', enum: ['a'], minLength: 3 }, 'minLength stands beside enum'],
    [{ type: 'integer', enum: ['a'] }, 'enum leaves no value'],
    [{ type: 'object', minProperties: 1 }, 'minProperties'],
    [{ type: 'object', required: ['a'], additionalProperties: false }, 'which additionalProperties forbids'],
    [{ $ref: 'https://example.com/x' }, '$ref must point into this schema'],
    [{ $ref: '#/$defs/none' }, 'points to nothing'],
    [{ $ref: '#' }, 'no text matches'],
    [{ $ref: '#', type: 'null' }, 'leads back to itself'],
    [{ allOf: [{ $ref: '#' }] }, 'deeper than 128'],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, 'use anyOf'],
    [{ oneOf: [{ properties: { a: {} } }, { properties: { b: {} } }] }, 'use anyOf'],
    [{ allOf: [{ type: 'string' }, { type: 'null' }] }, 'type leaves no value'],
    [{ anyOf: [] }, 'anyOf must be a list'],
    [{ oneOf: Array.from({ length: 65 }, (_, i) => ({ const: i })) }, 'at most 64 schemas'],
    [{ allOf: Array.from({ length: 33 }, () => ({ type: 'object' })) }, 'at most 32 schemas'],
    [DOUBLING, 'needs more than 2097152 steps of work'],
    [false, 'allows no value'],
    ['text', 'must be an object'],
    [{ enum: Array.from({ length: 20000 }, (_, i) => `${i} is a number`) }, 'enum has more than 65536 characters'],
  ])('refuses %#: %.60j', (schema, message) => expect(refusal(schema)).toContain(message));
});

/** Schemas that zod 4.6 writes for its string formats. */
const HEX = '[0-9a-fA-F]';
const ZOD = {
  uuid: `^(${HEX}{8}-${HEX}{4}-[1-8]${HEX}{3}-[89abAB]${HEX}{3}-${HEX}{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$`,
  email: "^(?:[A-Za-z0-9_'+\\-]+\\.)*[A-Za-z0-9_'+\\-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$",
  'date-time':
    '^(?:(?:\\d\\d[2468][048]|\\d\\d[13579][26]|\\d\\d0[48]|[02468][048]00|[13579][26]00)-02-29|\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|(?:02)-(?:0[1-9]|1\\d|2[0-8])))T(?:(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?(?:Z))$',
  duration: '^P(?:(\\d+W)|(?!.*W)(?=\\d|T\\d)(\\d+Y)?(\\d+M)?(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+([.,]\\d+)?S)?)?)$',
  hostname:
    '^(?=.{1,253}\\.?$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[-0-9a-zA-Z]{0,61}[0-9a-zA-Z])?)*\\.?$',
};

describe('a format beside a pattern', () => {
  it.each([
    ['uuid', 'format', '123e4567-e89b-12d3-a456-426614174000', '123e4567-e89b-02d3-a456-426614174000'],
    ['email', 'format', 'a.b+c@example.org', 'a@b'],
    ['date-time', 'format', '2024-02-29T10:00:00.5Z', '2023-02-29T10:00:00Z'],
    ['duration', 'pattern', 'P1Y2M3DT4H', 'P'],
    ['hostname', 'pattern', 'a-1.example.org', '-a.org'],
  ] as const)('as zod writes %s is one rule, without %s', (format, replaced, valid, invalid) => {
    const unheld = new Set<string>();
    const grammar = schemaToGrammar({ type: 'string', format, pattern: ZOD[format] }, undefined, unheld);
    expect([...unheld]).toEqual([replaced]);
    expect(new RegExp(ZOD[format]).test(valid)).toBe(true);
    expect([match(grammar, `"${valid}"`), match(grammar, `"${invalid}"`)]).toEqual(['whole', 'forbidden']);
  });

  it('is refused where neither can be expressed, and charges the work of both', () => {
    expect(refusal({ type: 'string', format: 'none', pattern: '^(?=a)' })).toContain('pattern');
    const budget = createWorkBudget('the schema', 1000);
    expect(() => schemaToGrammar({ format: 'date', pattern: `^(?=a)${'a'.repeat(2000)}` }, budget)).toThrow(
      'more than 1000 steps',
    );
  });

  it('allows bounds that the format already keeps', () => {
    for (const format of Object.keys(FORMATS)) {
      const { shortest, longest } = FORMATS[format] as (typeof FORMATS)[string];
      expect(schemaToGrammar({ format, minLength: shortest, maxLength: longest })).toContain('root ::=');
      expect(refusal({ format, minLength: shortest + 1 })).toContain('minLength stands beside format');
      expect(refusal({ format, maxLength: longest - 1 })).toContain('maxLength stands beside format');
    }
  });

  it('has texts of the stated lengths alone', () => {
    for (const [format, { shortest, longest }] of Object.entries(FORMATS)) {
      const grammar = compileGrammar(schemaToGrammar({ format }));
      const lengths = [measure(grammar, 'shortest'), measure(grammar, 'longest')];
      expect([format, ...lengths]).toEqual([format, shortest, longest]);
    }
  });
});

/** Length of the shortest or longest text between the quotes, by a walk over all states of one length at a time. */
function measure(grammar: CompiledGrammar, wanted: 'shortest' | 'longest'): number {
  const machine = createGrammarMachine(grammar);
  const bytes = utf8Encode('"012345689abez-.:/@PTYMDHSWZ+htps');
  let layer = new Set([machine.start]);
  let longest = -1;
  for (let length = 0; layer.size > 0 && length < 700; length++) {
    const next = new Set<typeof machine.start>();
    for (const state of layer) {
      if (state.isComplete) longest = length - 2;
      if (state.isComplete && wanted === 'shortest') return longest;
      for (const byte of bytes) {
        const after = machine.step(machine.renew(state, 2 ** 20), byte);
        if (after !== undefined) next.add(after);
      }
    }
    layer = next;
  }
  return longest;
}

it('keeps the digits of whole numbers that a double cannot hold', () => {
  const read = (text: string) => parseJson(utf8Encode(text)) as object;
  const listed = schemaToGrammar(read('{"enum":[12345678901234567890,-9007199254740993]}'));
  expect(match(listed, '12345678901234567890')).toBe('whole');
  expect(match(listed, '12345678901234567000')).not.toBe('whole');
  expect(match(listed, '-9007199254740993')).toBe('whole');
  const bounded = schemaToGrammar(read('{"type":"integer","minimum":9007199254740993,"maximum":18446744073709551615}'));
  for (const held of ['9007199254740993', '9007199254740999', '18446744073709551615'])
    expect(match(bounded, held)).toBe('whole');
  for (const other of ['9007199254740992', '18446744073709551616', '1'])
    expect(match(bounded, other)).not.toBe('whole');
  const number = schemaToGrammar(read('{"type":"number","minimum":0,"maximum":9007199254740993}'));
  for (const held of ['0.5', '9007199254740993', '999999999.25']) expect(match(number, held)).toBe('whole');
  for (const other of ['-1', '9007199254740994', '9007199254740993.5']) expect(match(number, other)).not.toBe('whole');
});

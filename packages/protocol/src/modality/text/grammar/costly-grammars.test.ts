import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../../base/bytes.ts';
import { RequestError } from '../../shared/request-error.ts';
import { parseAskedForm } from '../request/answer-grammar.ts';
import { GrammarError } from './grammar-error.ts';
import { compileGrammar, createGrammarMachine, type GrammarState, MAX_STACKED, matchText } from './machine.ts';
import { quoteOptions } from './schema/literals.ts';
import { schemaToGrammar } from './schema/schema-grammar.ts';
import { createCompileBudget, createSchemaBudget, createWorkBudget, type WorkBudget } from './work-budget.ts';

const list = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const fields = (count: number, make: (i: number) => readonly [string, unknown]): Record<string, unknown> =>
  Object.fromEntries(list(count, make));

interface Result {
  readonly budgets: readonly WorkBudget[];
  /** The refusal; undefined for a compiled grammar. */
  readonly message: string | undefined;
}

/** Converts and compiles within the budgets of a request. Any error other than a GrammarError fails the test. */
function convert(schema: unknown): Result {
  const budgets = [createSchemaBudget(), createCompileBudget()] as const;
  try {
    compileGrammar(schemaToGrammar(schema, budgets[0]), budgets[1]);
    return { budgets, message: undefined };
  } catch (error) {
    expect(error).toBeInstanceOf(GrammarError);
    return { budgets, message: (error as GrammarError).message };
  }
}

function expectBounded({ budgets }: Result): void {
  for (const { spent, limit } of budgets) expect(spent).toBeLessThanOrEqual(limit);
}

const digits = (i: number): string => i.toString(2).padStart(9, '0');
const objectWith = (names: readonly string[]): unknown => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, {}])),
  required: names,
});
/** Two copies of a schema within each other, so many times. The copies are separate objects, as parsed JSON is. */
const towerOf = (depth: number, schema: unknown): unknown =>
  depth === 0
    ? schema
    : { allOf: [{ ...(towerOf(depth - 1, schema) as object), title: 'a' }, towerOf(depth - 1, schema)] };

const SCHEMAS: readonly (readonly [name: string, schema: unknown, message: RegExp | undefined])[] = [
  ['a list of 100,000 values', { enum: list(100_000, (i) => `v${i}`) }, /enum has more than 65536 characters/],
  ['values that begin alike', { enum: list(340, (i) => 'a'.repeat(i)) }, undefined],
  ['values in a deep tree', { enum: list(4000, digits) }, undefined],
  ['values of control characters', { enum: ['\u0001'.repeat(65_000)] }, /more than 131072 bytes/],
  [
    'the same values by many references',
    {
      anyOf: list(256, () => ({ $ref: '#/$defs/a', type: 'string' })),
      $defs: { a: { enum: list(6000, (i) => `v${i}`) } },
    },
    /more than 131072 bytes/,
  ],
  ['values in 32 merged lists', { allOf: list(32, (i) => ({ enum: list(1500, (j) => `v${i + j}`) })) }, undefined],
  [
    'a value of 1 MiB, compared often',
    { oneOf: list(64, (i) => ({ const: ['a'.repeat(16_000), i] })) },
    /steps of work/,
  ],
  [
    'required names of 64 alternatives',
    { oneOf: list(64, (i) => objectWith(list(300, (j) => `p${i}_${j}`))) },
    /more than 131072 bytes|steps of work/,
  ],
  [
    'required names that no alternative separates',
    { oneOf: list(64, () => objectWith(list(300, (j) => `p${j}`))) },
    /use anyOf/,
  ],
  [
    'a separating name behind 900 others',
    {
      oneOf: list(64, (i) => ({
        type: 'object',
        properties: { ...fields(900, (j) => [`p${j}`, {}]), kind: { const: i } },
        required: [...list(900, (j) => `p${j}`), 'kind'],
      })),
    },
    /are read more than 50000 times|steps of work/,
  ],
  ['a list of 6,000 required names', { required: list(6000, (i) => `${i}`) }, /list of at most 5000 names/],
  ['a pattern of 1 MiB', { pattern: '.'.repeat(2 ** 20 - 100) }, /pattern has more than 4096 characters/],
  ['a pattern of 4,096 dots', { pattern: '.'.repeat(4096) }, /steps of work/],
  [
    'classes in nested groups',
    { pattern: `${'('.repeat(24)}${'[^a]'.repeat(900)}${')'.repeat(24)}` },
    /steps of work|131072/,
  ],
  [
    'a class of 4,000 characters',
    { pattern: `[${String.fromCodePoint(...list(4000, (i) => 256 + 2 * i))}]` },
    undefined,
  ],
  ['groups deeper than 24', { pattern: `${'('.repeat(2000)}a${')'.repeat(2000)}` }, /deeper than 24/],
  ['nested counts', { pattern: '^(((a{0,4096}){0,4096}){0,4096}){0,4096}$' }, undefined],
  ['an automaton of many states', { pattern: '^(a|b)*a(a|b){30}c*$', maxLength: 60 }, /steps of work/],
  ['an automaton of many positions', { pattern: '^(((a?b?){64}){64}){64}c*$', minLength: 9 }, /steps of work/],
  ['an automaton of many edges', { pattern: '^(a?b?){4000}c*$', maxLength: 5000 }, /steps of work/],
  ['an automaton of many counts', { pattern: '^a*b*$', maxLength: 65_536 }, /steps of work|131072/],
  ['empty alternatives', { pattern: '|'.repeat(4000) }, undefined],
  ['250 patterns', { anyOf: list(250, () => ({ pattern: '[^a]'.repeat(1000) })) }, /131072/],
  [
    'a name of 1 MiB in an open object',
    { properties: { ['a'.repeat(2 ** 20 - 100)]: {} }, additionalProperties: true },
    /more than 4096 beginnings/,
  ],
  [
    'long names that begin alike, in an open object',
    { properties: fields(1000, (i) => ['a'.repeat(1000 - i), {}]), additionalProperties: true },
    /more than 131072 bytes/,
  ],
  ['100,000 properties', { properties: fields(100_000, (i) => [`${i}`, false]) }, /steps of work|at most 5000/],
  [
    '5,000 properties by many references',
    {
      anyOf: list(256, () => ({ $ref: '#/$defs/a', type: 'object' })),
      $defs: { a: { properties: fields(5000, (i) => [`${i}`, false]) } },
    },
    /steps of work/,
  ],
  [
    '100,000 annotations',
    { anyOf: list(9, () => ({ $ref: '#/$defs/a', type: 'object' })), $defs: { a: fields(1e5, (i) => [`x-${i}`, 1]) } },
    /steps of work/,
  ],
  [
    'merged objects with the same properties',
    { allOf: list(32, (i) => ({ properties: fields(2500, (j) => [`p${j}`, { title: `${i}` }]) })) },
    /steps of work/,
  ],
  ['doubled allOf', towerOf(11, { properties: { a: { title: 'x' } } }), undefined],
  [
    'closed objects, merged',
    {
      allOf: list(32, (i) => ({ properties: fields(900, (j) => [`p${i}_${j}`, true]), additionalProperties: i === 0 })),
    },
    /steps of work|forbids/,
  ],
  [
    'a chain of 20,000 references',
    { $ref: '#/$defs/d0', $defs: fields(20_000, (i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]) },
    /deeper than 128/,
  ],
  [
    'chains of merged references',
    {
      anyOf: list(256, () => ({ $ref: '#/$defs/d0', type: 'object' })),
      $defs: {
        ...fields(120, (i) => [
          `d${i}`,
          { $ref: `#/$defs/d${i + 1}`, type: 'object', required: list(300, (j) => `r${i}_${j}`) },
        ]),
        d120: {},
      },
    },
    /steps of work/,
  ],
  [
    'references that double at each level',
    {
      $ref: '#/$defs/d0',
      $defs: {
        ...fields(40, (i) => {
          const twice = list(2, () => ({ anyOf: [{ $ref: `#/$defs/d${i + 1}`, type: 'object' }] }));
          return [`d${i}`, { anyOf: twice, type: 'object' }];
        }),
        d40: { type: 'object' },
      },
    },
    /steps of work|50000/,
  ],
  ['a long reference', { anyOf: list(256, () => ({ $ref: `#/${'a/'.repeat(1900)}`, type: 'object' })) }, /to nothing/],
  ['a reference that is no text', { $ref: { toString: 1 } }, /must point into this schema/],
  ['a format that is no text', { type: 'string', format: { toString: 1 } }, /format must be a string/],
  ['a format that every object has', { type: 'string', format: 'constructor' }, /is not known/],
  ['a list of 500 types', { type: list(500, () => 'string') }, /type must be one of/],
  [
    'merged bounds that are no numbers',
    { allOf: [{ type: 'number', minimum: { valueOf: 1 } }, { minimum: { toString: 1 } }] },
    /minimum must be a number/,
  ],
  [
    '12,800 bounded numbers',
    {
      anyOf: list(256, () => ({
        anyOf: list(50, (j) => ({ type: 'number', minimum: -123456789, maximum: 987654321 - j })),
      })),
    },
    /more than 131072 bytes/,
  ],
];

const fill = (unit: string, bytes = 130_000): string => unit.repeat(Math.floor(bytes / unit.length));
const CIRCLE = list(3000, (i) =>
  i === 0 ? 'r0 ::= "a" | "b" r1\n' : `r${i} ::= r${i - 1} | r${i - 1} r${(i + 1) % 3000}\n`,
);

const GRAMMARS: readonly (readonly [name: string, grammar: string, message: RegExp | undefined])[] = [
  ['1 MiB', fill('#', 2 ** 20), /at most 131072 bytes/],
  ['any characters', `root ::= ${fill('.')}`, /more than 262144 steps/],
  ['inverted classes', `root ::= ${fill('[^a]')}`, /more than 262144 steps/],
  ['one long class', `root ::= [${fill('a')}]`, undefined],
  ['a long list of alternatives', `root ::= "a" (${fill('a|')}a)\na ::= "x"`, undefined],
  ['a sequence in 64 groups', `root ::= ${'('.repeat(64)}${fill('"a"')}${')'.repeat(64)}`, undefined],
  ['a sequence in repeated groups', `root ::= ${'('.repeat(32)}${fill('"a"')}${')+'.repeat(32)}`, undefined],
  ['groups deeper than 64', `root ::= ${fill('(')}`, /deeper than 64/],
  ['repeats deeper than 64', `root ::= "a"${fill('*')}`, /deeper than 64/],
  ['a number of 130,000 digits', `root ::= "a"{${fill('9')}}`, /repeats at most/],
  ['empty circles', `root ::= "a" ${'('.repeat(30)}${fill('a ', 120_000)}${')*'.repeat(30)}\na ::= ""`, undefined],
  [
    'a chain of 6,000 rules',
    `root ::= r0\n${list(6000, (i) => `r${i} ::= r${i + 1}\n`).join('')}r6000 ::= "a"`,
    undefined,
  ],
  ['too many rules', list(9000, (i) => `r${i} ::= "a"\n`).join(''), /at most 8192 rules/],
  ['rules in circles', `root ::= r0\n${CIRCLE.join('')}`, /steps of work|too many circles/],
];

describe('the work on a schema', () => {
  it.each(SCHEMAS)('is bounded: %s', (_, schema, message) => {
    const result = convert(schema);
    expectBounded(result);
    if (message === undefined) expect(result.message).toBeUndefined();
    else expect(result.message).toMatch(message);
  });

  it('is the same each time, for any history', () => {
    const schema = {
      oneOf: list(20, (i) => ({ type: 'object', properties: { k: { enum: [i, -1 - i] } }, required: ['k'] })),
    };
    const [first, second] = [convert(schema), convert(structuredClone(schema))];
    expect(convert(schema).budgets.map(({ spent }) => spent)).toEqual(first.budgets.map(({ spent }) => spent));
    expect(second.budgets.map(({ spent }) => spent)).toEqual(first.budgets.map(({ spent }) => spent));
  });

  it('leaves room for large schemas', () => {
    const property = (name: string): unknown => ({ type: ['string', 'null'], description: `${name} `.repeat(30) });
    const group = (i: number): unknown => {
      const names = list(10, (j) => `property_${i}_${j}`);
      const properties = Object.fromEntries(names.map((name) => [name, property(name)]));
      return { type: 'object', properties, required: names, additionalProperties: false };
    };
    const large = [
      { type: 'object', properties: { a: { enum: list(1000, (i) => `value number ${i}`) } }, required: ['a'] },
      { type: 'object', properties: fields(20, (i) => [`group_${i}`, group(i)]), additionalProperties: false },
      { type: 'object', properties: fields(800, (i) => [`property_${i}`, property('x')]) },
      {
        oneOf: list(40, (i) => ({
          type: 'object',
          properties: { kind: { const: `kind_${i}` }, ...(group(i) as { properties: object }).properties },
          required: ['kind'],
        })),
      },
    ];
    for (const schema of large) {
      const { budgets, message } = convert(schema);
      expect(message).toBeUndefined();
      for (const { spent, limit } of budgets) expect(spent).toBeLessThan(limit / 4);
    }
  });
});

describe('the work on a grammar', () => {
  it.each(GRAMMARS)('is bounded: %s', (_, grammar, message) => {
    const budget = createCompileBudget();
    let refusal: unknown;
    try {
      compileGrammar(grammar, budget);
    } catch (error) {
      refusal = error;
    }
    expect(budget.spent).toBeLessThanOrEqual(budget.limit);
    if (message === undefined) expect(refusal).toBeUndefined();
    else {
      expect(refusal).toBeInstanceOf(GrammarError);
      expect((refusal as GrammarError).message).toMatch(message);
    }
  });

  it('charges a budget before the work, and names the limit', () => {
    const budget = createWorkBudget('the test', 10);
    budget.charge(10);
    expect(() => budget.charge(1)).toThrow(/the test needs more than 10 steps of work/);
    expect(() => quoteOptions(['a'.repeat(20), 'b'], budget)).toThrow(GrammarError);
  });
});

describe('the work on a list of choices', () => {
  it.each([
    [list(256, (i) => 'a'.repeat(255 - (i % 255))), undefined],
    [list(256, (i) => `${'a'.repeat(230)}${digits(i)}`), undefined],
    [list(256, (i) => 'a'.repeat(4000 - i)), /guided_choice has more than 65536 characters/],
    [list(257, (i) => `${i}`), /list of 1 to 256 texts/],
  ])('is bounded: %#', (choices, message) => {
    const run = () => parseAskedForm({ guided_choice: choices });
    if (message === undefined) expect(run()?.grammar).toContain('root ::= ');
    else expect(run).toThrow(message);
  });

  it('begins after the number of forms is known', () => {
    const run = () => parseAskedForm({ guided_json: { enum: list(1e5, (i) => i) }, guided_choice: ['a'] });
    expect(run).toThrow(/says already what the answer may be/);
  });

  it('refuses a schema text that nests too deep', () => {
    const run = () => parseAskedForm({ guided_json: `${'{"items":'.repeat(1e5)}true${'}'.repeat(1e5)}` });
    expect(run).toThrow(RequestError);
  });
});

describe('the memory of a machine', () => {
  it('is bounded: a byte whose continuations are too deep is forbidden', () => {
    const deep = 1000;
    const chain = list(deep, (i) => `r${i} ::= r${i + 1} "z"\n`).join('');
    const grammar = compileGrammar(`root ::= "a" r0\n${chain}r${deep} ::= root | "b"\n`);
    const machine = createGrammarMachine(grammar);
    let state: GrammarState | undefined = machine.start;
    let length = -1;
    for (; state !== undefined; length++) state = machine.step(machine.renew(state, 2 ** 20), 0x61);
    // Two places, each with the continuations of all bytes.
    expect(length).toBe(Math.floor(MAX_STACKED / (2 * deep)));
    const text = (count: number) => matchText(grammar, utf8Encode('a'.repeat(count)));
    expect([text(length), text(length + 1)]).toEqual(['beginning', 'forbidden']);
  });
});

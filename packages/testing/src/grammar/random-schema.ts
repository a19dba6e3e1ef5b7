/** Pseudo-random integers below a bound. */
export type Random = (below: number) => number;

export function createRandom(seed: number): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bf03635) | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Fields = Record<string, unknown>;

const NAMES = [
  'a',
  'ab',
  'abc',
  'name',
  'naïve',
  'quote"d',
  'back\\slash',
  'new\nline',
  '',
  '0',
  '🙂',
  'b',
  'x-y',
  '$ref',
  'a/b',
];
const TEXTS = ['', 'red', 'rod', 'reddish', 'a "quoted" one', 'tab\t', '\u0001', 'ü', 'a\\b'];
const PATTERNS = [
  ...[
    '^[a-z]{2,5}$',
    '^\\d{3}-\\d{4}$',
    'ab+c?',
    '^(?:red|green|blue)$',
    '^a|b$',
    '^[^a-z"]{1,3}$',
    '^\\w+@\\w+\\.(com|org)$',
  ],
  ...[
    '^\\S+$',
    '^"\\\\$',
    '^.{0,4}$',
    '^[\\]\\-^]+$',
    '^$',
    'x{2}',
    '^(a(b(c)?)?)*$',
    '^\\u00e9+?\\x41$',
    '^[\\s\\S]{2}$',
    '^\\/\\.$',
  ],
];
const FORMATS = ['date', 'time', 'date-time', 'duration', 'uuid', 'email', 'hostname', 'ipv4', 'ipv6', 'uri'];

/** Draws a schema that a grammar can express. Its shapes are those of the JSON Schema test suite. */
export function randomSchema(random: Random, depth = 3): unknown {
  const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;
  const leaf = [
    randomString,
    randomInteger,
    randomNumber,
    randomValues,
    () => pick([true, {}]),
    () => ({ type: pick(['boolean', 'null', ['string', 'null'], ['integer', 'object']]) }),
  ];
  const inner = [randomObject, randomArray, randomAnyOf, randomAllOf, randomOneOf, randomReference];
  const make = pick(depth > 0 ? [...leaf, ...inner, ...inner] : leaf);
  const schema = make(random, depth);
  if (typeof schema === 'object' && random(5) === 0) return { ...schema, title: 'T', description: 'D', default: null };
  return schema;
}

function randomString(random: Random): Fields {
  const least = random(4);
  const options: Fields[] = [
    { type: 'string' },
    { type: 'string', minLength: least, maxLength: least + random(5) },
    { minLength: least },
    { type: 'string', maxLength: random(300) },
    { type: 'string', pattern: PATTERNS[random(PATTERNS.length)] },
    { type: 'string', format: FORMATS[random(FORMATS.length)] },
  ];
  return options[random(options.length)] as Fields;
}

function randomBound(random: Random): number {
  const size = 10 ** random(6);
  return random(2 * size + 1) - size;
}

function randomInteger(random: Random): Fields {
  const low = randomBound(random);
  const high = low + random(2000);
  const options: Fields[] = [
    { type: 'integer' },
    { type: 'integer', minimum: low },
    { type: 'integer', maximum: high },
    { type: 'integer', minimum: low, maximum: high },
    { type: 'integer', exclusiveMinimum: low - 1, exclusiveMaximum: high + 1 },
    { type: 'integer', minimum: low - 0.5, maximum: high + 0.5 },
    { type: 'number', multipleOf: 1, minimum: low },
  ];
  return options[random(options.length)] as Fields;
}

function randomNumber(random: Random): Fields {
  const low = randomBound(random);
  const high = low + 1 + random(50);
  const options: Fields[] = [
    { type: 'number' },
    { minimum: low },
    { type: 'number', maximum: high },
    { type: 'number', minimum: low, maximum: high },
    { type: 'number', exclusiveMinimum: low, exclusiveMaximum: high },
    { type: 'number', minimum: 0, exclusiveMaximum: 1 },
  ];
  return options[random(options.length)] as Fields;
}

function randomValues(random: Random): Fields {
  const values = [...TEXTS, null, true, 0, -1.5, 1e21, [1, 'a'], { k: [null] }, {}];
  const some = values.filter(() => random(4) === 0);
  if (random(3) === 0) return { const: values[random(values.length)] };
  return { enum: some.length > 0 ? some : ['one'] };
}

function randomObject(random: Random, depth: number): Fields {
  const names = NAMES.filter(() => random(4) === 0);
  const properties = Object.fromEntries(names.map((name) => [name, randomSchema(random, depth - 1)]));
  const required = names.filter(() => random(2) === 0);
  if (random(6) === 0) required.push('zz');
  const more = [{}, { additionalProperties: true }, { additionalProperties: randomSchema(random, depth - 1) }];
  if (!required.includes('zz')) more.push({ additionalProperties: false });
  return { type: 'object', properties, required, ...more[random(more.length)] };
}

function randomArray(random: Random, depth: number): Fields {
  const least = random(3);
  const item = () => randomSchema(random, depth - 1);
  const options: (() => Fields)[] = [
    () => ({ type: 'array', items: item() }),
    () => ({ items: item(), minItems: least }),
    () => ({ type: 'array', items: item(), minItems: least, maxItems: least + random(3) }),
    () => ({ type: 'array', prefixItems: [item(), item()], items: false }),
    () => ({ type: 'array', prefixItems: [item()], items: item(), minItems: 3 }),
    () => ({ type: 'array', maxItems: random(2) }),
  ];
  return (options[random(options.length)] as () => Fields)();
}

const randomAnyOf = (random: Random, depth: number): Fields => ({
  anyOf: Array.from({ length: 1 + random(3) }, () => randomSchema(random, depth - 1)),
});

function randomAllOf(random: Random, depth: number): Fields {
  const [one, two] = [randomSchema(random, depth - 1), randomSchema(random, depth - 1)];
  return {
    allOf: [
      { type: 'object', properties: { a: one }, required: ['a'] },
      { properties: { bb: two }, required: random(2) === 0 ? ['bb'] : [] },
    ],
  };
}

function randomOneOf(random: Random, depth: number): Fields {
  const branch = (kind: string) => ({
    type: 'object',
    properties: { kind: { const: kind }, value: randomSchema(random, depth - 1) },
    required: ['kind'],
  });
  const options: Fields[] = [
    { oneOf: [branch('one'), branch('two'), branch('three')] },
    { oneOf: [{ type: 'string' }, { type: 'integer' }, { type: 'array', items: {} }] },
    {
      oneOf: [
        { properties: { l: {} }, required: ['l'], type: 'object' },
        { properties: { r: {} }, required: ['r'], type: 'object' },
      ],
    },
    { oneOf: [{ enum: [1, 2] }, { enum: ['1', '2'] }, { const: null }] },
  ];
  return options[random(options.length)] as Fields;
}

/** Draws a schema with references. They point from the top, so `randomDocument` wraps it. */
const randomReference = (random: Random): Fields => ({ $ref: `#/$defs/${['tree', 'leaf', 'list'][random(3)]}` });

/** Draws a schema with the definitions that its references name. */
export function randomDocument(random: Random): Fields {
  const schema = randomSchema(random);
  const tree = {
    type: 'object',
    properties: {
      leaf: { $ref: '#/$defs/leaf' },
      below: { type: 'array', items: { $ref: '#/$defs/tree' }, maxItems: 2 },
    },
    required: ['leaf'],
    additionalProperties: false,
  };
  const $defs = {
    tree,
    leaf: randomSchema(random, 0),
    list: { type: ['array', 'null'], items: { $ref: '#/$defs/leaf' } },
  };
  return { ...(schema === true ? {} : (schema as Fields)), $defs };
}

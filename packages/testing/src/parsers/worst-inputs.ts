import { utf8Encode } from '@ogong/protocol/base/bytes';

/** Values of a count or a length that a decoder reads first. */
const HEADS: readonly (readonly number[])[] = [[], [0xff], [0xff, 0xff], [0, 0xff, 0xff], [0, 0x0f, 0xff, 0xff]];
const FILLS = [0, 1, 0xff];
/** Beginnings of a seed. Long inputs take time to fill. */
const MAX_CUTS = 16;
const LONG_SIZE = 1 << 17;
const MAX_LONG_CUTS = 4;

/**
 * Returns byte strings of a size for a decoder. Each begins as a valid encoding does, and continues with a large count and one byte
 * repeated: so the decoder reaches each of its lists.
 */
export function worstBytes(seeds: readonly Uint8Array[], size: number): Uint8Array[] {
  const [seed = new Uint8Array()] = seeds;
  const cuts = Math.min(size > LONG_SIZE ? MAX_LONG_CUTS : MAX_CUTS, seed.length + 1);
  const lengths = new Set(
    Array.from({ length: cuts }, (_, i) => Math.round((i * seed.length) / Math.max(1, cuts - 1))),
  );
  const stretched = [...lengths].flatMap((length) =>
    HEADS.flatMap((head) =>
      FILLS.map((fill) => {
        const bytes = new Uint8Array(size).fill(fill);
        bytes.set(seed.subarray(0, Math.min(length, size)));
        bytes.set(head, Math.min(length, size - head.length));
        return bytes;
      }),
    ),
  );
  return [...seeds, ...stretched];
}

/** Pieces that are repeated: brackets, quotes, escapes, separators, white space, signs of encodings, letters of several bytes. */
const PIECES = [
  ...[
    'a',
    '0',
    ' ',
    '\n',
    '\t',
    '"',
    "'",
    '\\',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '<',
    '>',
    '%',
    '&',
    '=',
    '-',
    '+',
    '/',
    ':',
    ',',
    '.',
    '@',
    '#',
    '|',
    '*',
    '?',
  ],
  ...[
    'a ',
    'a,',
    'a:',
    'a=',
    'a/',
    '../',
    '://',
    '0.',
    '1e',
    '\\u0000',
    '\r\n',
    '{{',
    '%}',
    '<a>',
    '<a ',
    '&amp;',
    '<!--',
    ']]>',
    'é',
    '💥',
    '\u0301',
    '\ud800',
  ],
  ...['root ::= ', 'a ::= "a" |\n', '("a"?)*', '"<think>', '<tool_call>', '-----BEGIN CERTIFICATE-----\n', 'AAAA'],
];

/** Keeps the last results, which many rows share. */
function remember<T>(make: (size: number) => T): (size: number) => T {
  const kept = new Map<number, T>();
  return (size) => {
    const known = kept.get(size) ?? make(size);
    kept.set(size, known);
    return known;
  };
}

export const worstTexts = remember((size): readonly string[] =>
  PIECES.map((piece) => piece.repeat(Math.ceil(size / piece.length)).slice(0, size)),
);

/** Values whose JSON has about a size: deep, wide, with long texts, long numbers, many keys, many equal keys. */
export const worstJson = remember((size): readonly string[] => {
  const deep = Math.floor(size / 2);
  const many = (write: (i: number) => string, each: number): string =>
    Array.from({ length: Math.max(1, Math.floor(size / each)) }, (_, i) => write(i)).join(',');
  return [
    `${'['.repeat(deep)}${']'.repeat(deep)}`,
    `${'{"a":'.repeat(Math.floor(size / 6))}1${'}'.repeat(Math.floor(size / 6))}`,
    `[${many(() => '1', 2)}]`,
    `[${many(() => '""', 3)}]`,
    `[${many(() => '{}', 3)}]`,
    `[${many(() => 'null', 5)}]`,
    `{${many((i) => `"${i}":1`, 11)}}`,
    `{${many((i) => `"k${i}":{}`, 13)}}`,
    `{${many(() => '"a":1', 6)}}`,
    `{${many((i) => `"__proto__${i}":[]`, 20)}}`,
    `"${'a'.repeat(size)}"`,
    `"${'\\u0000'.repeat(Math.floor(size / 6))}"`,
    `"${'💥'.repeat(Math.floor(size / 4))}"`,
    '1'.repeat(size),
    `0.${'1'.repeat(size)}`,
    `-1e${'9'.repeat(size)}`,
    ...worstTexts(size),
  ];
});

export const worstJsonBytes = remember((size): readonly Uint8Array[] => worstJson(size).map(utf8Encode));

/** Of worstJson: a nest, numbers, objects, two kinds of keys, a long text and a long number. */
const SHAPES = [0, 2, 4, 6, 8, 10, 13];

/** Returns bodies like a valid one, in which one field has a worst value. Fields inside objects are named by a path. */
export function worstBodies(
  base: Readonly<Record<string, unknown>>,
  fields: readonly string[],
  size: number,
): Uint8Array[] {
  const json = worstJson(size);
  const values = SHAPES.map((at) => json[at] as string);
  const MARK = '"@"';
  const bodies = fields.flatMap((path) => {
    const names = path.split('.');
    const inner = names.reduceRight<unknown>((value, name) => (name === '[]' ? [value] : { [name]: value }), '@');
    const text = JSON.stringify({ ...base, ...(inner as object) });
    return values.map((value) => text.replace(MARK, () => value));
  });
  return bodies.map(utf8Encode);
}

/** JSON schemas that are small and cost much. */
export function worstSchemas(size: number): unknown[] {
  const list = <T>(each: number, write: (i: number) => T): T[] =>
    Array.from({ length: Math.max(2, Math.floor(size / each)) }, (_, i) => write(i));
  const nest = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
    let schema: unknown = { type: 'string' };
    for (let i = 0; i < depth; i++) schema = wrap(schema);
    return schema;
  };
  const text = (length: number): string => 'a'.repeat(Math.max(1, length));
  const names = list(10, (i) => `n${i}`);
  return [
    { enum: list(8, (i) => `${i}`) },
    { enum: list(40, (i) => `${text(30)}${i}`) },
    { enum: list(200, (i) => text(i % 180)) },
    { const: text(size) },
    { type: 'object', properties: Object.fromEntries(names.map((name) => [name, {}])) },
    { type: 'object', required: names },
    { type: 'object', required: names, oneOf: names.map((name) => ({ required: [name] })) },
    { type: 'object', properties: { [text(size)]: { type: 'integer' } }, additionalProperties: true },
    { anyOf: list(20, () => ({ type: 'object' })) },
    { allOf: list(30, (i) => ({ properties: { [`n${i}`]: { type: 'string' } } })) },
    { oneOf: list(30, (i) => ({ properties: { [`n${i}`]: { const: i } } })) },
    { allOf: list(60, () => ({ anyOf: [{ type: 'string' }, { type: 'number' }] })) },
    { $defs: Object.fromEntries(names.map((name, i) => [name, { $ref: `#/$defs/n${i + 1}` }])), $ref: '#/$defs/n0' },
    { $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' },
    nest(Math.min(40, Math.floor(size / 30)), (items) => ({ type: 'array', items })),
    nest(Math.min(20, Math.floor(size / 30)), (inner) => ({ anyOf: [inner, { type: 'null' }] })),
    { type: 'string', minLength: size, maxLength: size },
    {
      type: 'array',
      items: { type: 'array', minItems: 1_000, items: { type: 'string', minLength: 1_000 } },
      minItems: 1_000,
    },
    { type: 'integer', minimum: Number(`1${'0'.repeat(15)}`), maximum: Number(`9${'0'.repeat(15)}`) },
    ...worstPatterns(size).map((pattern) => ({ type: 'string', pattern })),
    ...worstPatterns(size).map((pattern) => ({ type: 'string', pattern, minLength: 9, maxLength: 99 })),
  ];
}

/** Regular expressions that are small and cost much. */
export function worstPatterns(size: number): string[] {
  const repeated = (piece: string): string => piece.repeat(Math.max(1, Math.floor(size / piece.length)));
  const depth = Math.floor(size / 2);
  return [
    `^${repeated('a')}$`,
    `^${repeated('a|')}$`,
    `^${repeated('a?')}$`,
    `^(${repeated('a*')})*$`,
    `${'('.repeat(depth)}${')'.repeat(depth)}`,
    `^${repeated('[a-z]')}$`,
    `^[${repeated('ab')}]$`,
    `^${repeated('(a|b){9}')}$`,
    '^((((a{99}){99}){99}){99})$',
    `^a{${'9'.repeat(Math.min(size, 300))}}$`,
    repeated('\\d'),
    repeated('.*'),
  ];
}

/** Grammars in GBNF that are small and cost much. */
export function worstGrammars(size: number): string[] {
  const repeated = (piece: string): string => piece.repeat(Math.max(1, Math.floor(size / piece.length)));
  const rules = Array.from({ length: Math.max(2, Math.floor(size / 16)) }, (_, i) => `r${i} ::= r${i + 1} | "a"`);
  const depth = Math.floor(size / 2);
  return [
    `root ::= ${repeated('"a" | ')}"a"`,
    `root ::= ${repeated('"a"? ')}`,
    `root ::= ${repeated('[a-z]* ')}`,
    `root ::= ${'('.repeat(depth)}"a"${')'.repeat(depth)}`,
    `root ::= "${repeated('a')}"`,
    `root ::= [${repeated('ab')}]`,
    `root ::= ${repeated('root ')}`,
    `root ::= ${repeated('root | ')}"a"`,
    `root ::= r0\n${rules.join('\n')}\nr${rules.length} ::= "b"`,
    `root ::= ((("a"{99}){99}){99}){99}`,
    `root ::= ${repeated('"a"{9} ')}`,
    `root ::= a\n${repeated('# comment\n')}a ::= "a"`,
    ...worstTexts(size),
  ];
}

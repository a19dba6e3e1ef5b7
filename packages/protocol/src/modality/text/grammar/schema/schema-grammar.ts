import { MAX_GRAMMAR_BYTES } from '../gbnf.ts';
import { GrammarError } from '../grammar-error.ts';
import { createSchemaBudget, type WorkBudget } from '../work-budget.ts';
import { boundPattern } from './bounded-pattern.ts';
import { isNever, mergeSchemas, valuesOf } from './combine.ts';
import { FORMATS } from './formats.ts';
import { JSON_NEEDS, JSON_RULES } from './json-rules.ts';
import { quote, quoteOptions } from './literals.ts';
import { integersBetween, numbersWithin } from './numbers.ts';
import { addOtherTexts } from './other-texts.ts';
import { type PatternPart, readPattern } from './pattern.ts';
import {
  isOfType,
  KEYWORDS_OF,
  readBound,
  readCount,
  readTypes,
  refuse,
  type Schema,
  type SchemaType,
} from './schema-shape.ts';
import { createSchemaWork, type SchemaWork } from './schema-work.ts';

/** Rules that grow by schemas. Their texts are JSON that is valid for its schema (docs/spec/grammar.md). */
export interface SchemaRules {
  /**
   * Adds the rules of a schema. @returns the name of its first rule, for `finish`.
   * @throws GrammarError naming the keyword that cannot be expressed, and its place.
   */
  add(schema: unknown): string;
  /** Returns the grammar. @param root one side of a rule, in GBNF, made of names from `add` and of literals (`quote`). */
  finish(root: string): string;
}

/** Creates a grammar of the JSON values that are valid for a schema. @throws GrammarError */
export function schemaToGrammar(schema: unknown, budget?: WorkBudget, unheld?: Set<string>): string {
  const rules = createSchemaRules(budget, unheld);
  return rules.finish(rules.add(schema));
}

const MAX_DEPTH = 128;
const MAX_OPTIONS = 256;
/** The most alternatives of `oneOf`. Each is compared with every other one. */
const MAX_ALTERNATIVES = 64;
/** The most parts of `allOf`. They are merged one by one. */
const MAX_MERGED = 32;
/** The most schemas that are read, with repeated references. */
const MAX_STEPS = 50_000;
/** The most characters of the texts of `enum` or `const`, as JSON writes them. */
const MAX_VALUES_TEXT = 65_536;
/** The most properties of an object, and the most names in `required`. */
const MAX_NAMES = 5000;
/** Steps to write the rule of a bounded number. */
const STEPS_OF_NUMBER = 1024;

interface Conversion {
  readonly root: unknown;
  /** Texts of rules, by name. */
  readonly rules: Map<string, string>;
  /** Names of rules, by their reference. */
  readonly references: Map<string, string>;
  readonly work: SchemaWork;
  /** Keywords beside others that hold in their place. */
  readonly unheld: Set<string>;
  bytes: number;
  made: number;
  depth: number;
  steps: number;
}

/**
 * @param budget for all schemas together.
 * @param unheld gets the keywords that another one beside them replaces: `format` or `pattern`.
 */
export function createSchemaRules(
  budget: WorkBudget = createSchemaBudget(),
  unheld: Set<string> = new Set(),
): SchemaRules {
  const rules = new Map<string, string>();
  const work = createSchemaWork(budget);
  const shared = { bytes: 0, made: 0 };
  return {
    add(schema) {
      const conversion: Conversion = {
        root: schema,
        rules,
        work,
        unheld,
        references: new Map(),
        depth: 0,
        steps: 0,
        ...shared,
      };
      const name = addSchema(conversion, schema, '');
      Object.assign(shared, { bytes: conversion.bytes, made: conversion.made });
      return name;
    },
    finish: (root) => [['root', root] as const, ...rules].map(([name, text]) => `${name} ::= ${text}\n`).join(''),
  };
}

/** Adds a rule of JSON with all rules that it names. @returns its name. */
function useJson(conversion: Conversion, name: string): string {
  const text = JSON_RULES[name] as string;
  if (!conversion.rules.has(name)) {
    conversion.rules.set(name, text);
    for (const needed of JSON_NEEDS[name] ?? []) useJson(conversion, needed);
  }
  return name;
}

function addRule(conversion: Conversion, text: string, name = `s${conversion.made++}`): string {
  conversion.work.charge(text.length);
  conversion.bytes += text.length;
  if (conversion.bytes > MAX_GRAMMAR_BYTES)
    throw new GrammarError('unsupported-schema', `the schema makes a grammar of more than ${MAX_GRAMMAR_BYTES} bytes`);
  conversion.rules.set(name, text);
  return name;
}

function addSchema(conversion: Conversion, value: unknown, where: string): string {
  if (conversion.depth >= MAX_DEPTH) throw refuse(where, 'schemas', `stand in each other deeper than ${MAX_DEPTH}`);
  conversion.depth++;
  try {
    return addRead(conversion, readStep(conversion, value, where), where);
  } finally {
    conversion.depth--;
  }
}

function readStep(conversion: Conversion, value: unknown, where: string): Schema {
  if (++conversion.steps > MAX_STEPS) throw refuse(where, 'schemas', `are read more than ${MAX_STEPS} times`);
  return conversion.work.read(value, where);
}

function addRead(conversion: Conversion, schema: Schema, where: string): string {
  const { $ref: reference, nullable, ...rest } = schema;
  if (nullable !== undefined && nullable !== false) {
    const text = addRead(conversion, { ...rest, ...(reference === undefined ? {} : { $ref: reference }) }, where);
    return addRule(conversion, `${text} | ${useJson(conversion, 'null')}`);
  }
  if (reference !== undefined) {
    if (Object.keys(rest).length === 0) return addReference(conversion, reference, where);
    return addRead(conversion, merge(conversion, resolve(conversion, { $ref: reference }, where), rest, where), where);
  }
  for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
    if (rest[keyword] !== undefined) return addCombined(conversion, rest, keyword, where);
  }
  const values = valuesOf(rest);
  if (values !== undefined) return addValues(conversion, rest, values, where);
  const types = readTypes(rest, where);
  if (types === undefined) return useJson(conversion, 'value');
  assertSpoken(rest, types, where);
  const names = types
    .filter((type) => !(type === 'integer' && types.includes('number')))
    .map((type) => addType(conversion, rest, type, where));
  return names.length === 1 ? (names[0] as string) : addRule(conversion, names.join(' | '));
}

/**
 * Asserts the form of keywords. A keyword for a type that is not allowed has no effect, as in JSON Schema, but its form must be
 * valid.
 */
function assertSpoken(schema: Schema, types: readonly SchemaType[], where: string): void {
  if (schema.type !== undefined) return;
  for (const [kind, keywords] of Object.entries(KEYWORDS_OF)) {
    const stray = types.includes(kind as SchemaType)
      ? undefined
      : keywords.find((keyword) => schema[keyword] !== undefined);
    if (stray !== undefined) throw refuse(where, stray, `speaks of another type than ${types[0]}; name a type`);
  }
}

const merge = ({ work }: Conversion, a: Schema, b: Schema, where: string): Schema =>
  mergeSchemas(a, b, { work, where });

function addReference(conversion: Conversion, given: unknown, where: string): string {
  const reference = readReference(conversion, given, where);
  const known = conversion.references.get(reference);
  if (known !== undefined) return known;
  const found = findReference(conversion.root, reference, where);
  const name = `s${conversion.made++}`;
  conversion.references.set(reference, name);
  addRule(conversion, addSchema(conversion, found, reference), name);
  return name;
}

function readReference({ work }: Conversion, reference: unknown, where: string): string {
  if (typeof reference !== 'string' || !/^#(?:\/|$)/.test(reference))
    throw refuse(where, '$ref', 'must point into this schema, as #/$defs/name');
  work.charge(reference.length);
  return reference;
}

function findReference(root: unknown, reference: string, where: string): unknown {
  let found = root;
  for (const part of reference.split('/').slice(1)) {
    const key = decodePart(part, where);
    const fields = found as Readonly<Record<string, unknown>>;
    if (typeof found !== 'object' || found === null || !Object.hasOwn(fields, key))
      throw refuse(where, '$ref', `points to nothing: ${reference.slice(0, 100)}`);
    found = fields[key];
  }
  return found;
}

function decodePart(part: string, where: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    throw refuse(where, '$ref', 'is no pointer');
  }
}

/** Resolves the reference to a schema. */
function resolve(conversion: Conversion, value: unknown, where: string): Schema {
  let schema = readStep(conversion, value, where);
  for (let steps = 0; schema.$ref !== undefined; steps++) {
    const { $ref: reference, ...rest } = schema;
    if (steps >= MAX_DEPTH) throw refuse(where, '$ref', 'leads back to itself');
    const found = findReference(conversion.root, readReference(conversion, reference, where), where);
    schema = merge(conversion, readStep(conversion, found, where), rest, where);
  }
  return schema;
}

function addCombined(
  conversion: Conversion,
  schema: Schema,
  keyword: 'allOf' | 'anyOf' | 'oneOf',
  where: string,
): string {
  const { [keyword]: parts, ...rest } = schema;
  if (!Array.isArray(parts) || parts.length === 0 || parts.length > MAX_OPTIONS)
    throw refuse(where, keyword, `must be a list of 1 to ${MAX_OPTIONS} schemas`);
  if (keyword === 'allOf') {
    if (parts.length > MAX_MERGED) throw refuse(where, keyword, `must be a list of at most ${MAX_MERGED} schemas`);
    const merged = parts.reduce<Schema>(
      (all, part, i) => merge(conversion, all, resolve(conversion, part, `${where}/allOf/${i}`), where),
      rest,
    );
    return addDeeper(conversion, merged, where);
  }
  const indices = [...parts.keys()].filter((i) => !conversion.work.allowsNothing(parts[i]));
  if (indices.length === 0) throw refuse(where, keyword, 'allows no value');
  const isAlone = Object.keys(rest).length === 0;
  const mergePart = (part: unknown, i: number): Schema =>
    merge(conversion, rest, resolve(conversion, part, `${where}/${keyword}/${i}`), where);
  if (keyword === 'oneOf' && parts.length > MAX_ALTERNATIVES)
    throw refuse(where, 'oneOf', `must be a list of at most ${MAX_ALTERNATIVES} schemas; use anyOf`);
  if (keyword === 'oneOf') {
    const apart = indices.map((i) => mergePart(parts[i], i));
    assertApart(conversion, apart, { where, indices });
  }
  const names = indices.map((i) =>
    isAlone
      ? addSchema(conversion, parts[i], `${where}/${keyword}/${i}`)
      : addDeeper(conversion, mergePart(parts[i], i), where),
  );
  return names.length === 1 ? (names[0] as string) : addRule(conversion, names.join(' | '));
}

/** Adds a merged schema, which may contain `allOf` again and so counts as deeper. */
function addDeeper(conversion: Conversion, schema: Schema, where: string): string {
  return addSchema(conversion, schema, where);
}

/** @param indices of the schemas in the list of the request, for the message. */
function assertApart(
  conversion: Conversion,
  schemas: readonly Schema[],
  { where, indices }: { readonly where: string; readonly indices: readonly number[] },
): void {
  const resolved = (schema: unknown, at: string): Schema => resolve(conversion, schema, at);
  schemas.forEach((a, i) => {
    schemas.forEach((b, j) => {
      if (i !== j && !isNever(a, b, resolved, { work: conversion.work, where }))
        throw refuse(
          where,
          'oneOf',
          `has schemas ${indices[Math.min(i, j)]} and ${indices[Math.max(i, j)]}, which one value could both fit; use anyOf`,
        );
    });
  });
}

function addValues(conversion: Conversion, schema: Schema, values: readonly unknown[], where: string): string {
  const keyword = schema.const === undefined ? 'enum' : 'const';
  const beside = Object.values(KEYWORDS_OF)
    .flat()
    .find((other) => schema[other] !== undefined);
  if (beside !== undefined) throw refuse(where, beside, `stands beside ${keyword}, which says all; leave it out`);
  const types = schema.type === undefined ? undefined : readTypes(schema, where);
  const { work } = conversion;
  if (work.chargeValue(values) > MAX_VALUES_TEXT)
    throw refuse(where, keyword, `has more than ${MAX_VALUES_TEXT} characters`);
  const listed = schema.const === undefined || !Array.isArray(schema.enum) ? undefined : work.textsOf(schema.enum);
  const texts = values
    .filter((value) => isOfType(value, types))
    .map((value) => work.write(value))
    .filter((text) => listed === undefined || listed.has(text));
  if (texts.length === 0) throw refuse(where, keyword, 'leaves no value');
  return addRule(conversion, quoteOptions(texts, work));
}

function addType(conversion: Conversion, schema: Schema, type: SchemaType, where: string): string {
  if (type === 'object') return addObject(conversion, schema, where);
  if (type === 'array') return addArray(conversion, schema, where);
  if (type === 'string') return addString(conversion, schema, where);
  if (type === 'integer' || type === 'number') return addNumber(conversion, schema, type, where);
  return useJson(conversion, type);
}

function addNumber(conversion: Conversion, schema: Schema, type: 'integer' | 'number', where: string): string {
  const multiple = readBound(schema, 'multipleOf', where);
  if (multiple !== undefined && multiple !== 1n)
    throw refuse(where, 'multipleOf', 'cannot be expressed as a grammar unless it is 1; leave it out');
  const isWhole = type === 'integer' || multiple === 1n;
  const [minimum, maximum, exclusiveMinimum, exclusiveMaximum] = (
    ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const
  ).map((keyword) => readBound(schema, keyword, where));
  const bounds = { minimum, maximum, exclusiveMinimum, exclusiveMaximum };
  if (Object.values(bounds).every((bound) => bound === undefined))
    return useJson(conversion, isWhole ? 'integer' : 'number');
  conversion.work.charge(STEPS_OF_NUMBER);
  if (!isWhole) return addRule(conversion, numbersWithin(bounds));
  return addRule(conversion, integersBetween(bounds));
}

function addString(conversion: Conversion, schema: Schema, where: string): string {
  const least = readCount(schema, 'minLength', where) ?? 0;
  const most = readCount(schema, 'maxLength', where);
  const { pattern, format } = schema;
  if (most !== undefined && most < least) throw refuse(where, 'maxLength', 'is less than minLength');
  if (pattern !== undefined && typeof pattern !== 'string') throw refuse(where, 'pattern', 'must be a string');
  if (format !== undefined && typeof format !== 'string') throw refuse(where, 'format', 'must be a string');
  const held =
    pattern !== undefined || format !== undefined ? chooseRule(conversion, { pattern, format }, where) : undefined;
  if (held !== undefined) {
    const { rule, shortest, longest, pattern: part } = held;
    const other = least > shortest ? 'minLength' : (most ?? Infinity) < longest ? 'maxLength' : undefined;
    if (other === undefined) return addRule(conversion, `"\\"" ${rule} "\\""`);
    if (part === undefined) throw refuse(where, other, 'stands beside format; one of both can be expressed');
    const bounded = boundPattern(
      part,
      { least, most: most ?? Infinity },
      {
        charge: conversion.work.charge,
        reserve: () => `s${conversion.made++}`,
        addRule: (text, name) => void addRule(conversion, text, name),
      },
    );
    if (bounded === undefined) throw refuse(where, other, 'leaves no text of the pattern');
    return addRule(conversion, `"\\"" ${bounded} "\\""`);
  }
  if (least === 0 && most === undefined) return useJson(conversion, 'string');
  return addRule(conversion, `"\\"" ${useJson(conversion, 'char')}{${least},${most ?? ''}} "\\""`);
}

interface HeldRule {
  readonly rule: string;
  /** Undefined if a format holds. */
  readonly pattern?: PatternPart;
  /** Lengths of the rule's texts, in characters. */
  readonly shortest: number;
  readonly longest: number;
}

/**
 * Chooses between `pattern` and `format`. A pattern holds, because a format beside it says nothing more in JSON Schema. If the
 * pattern cannot be expressed, a known format holds instead.
 */
function chooseRule(
  conversion: Conversion,
  { pattern, format }: { readonly pattern: string | undefined; readonly format: string | undefined },
  where: string,
): HeldRule {
  const known = format !== undefined && Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
  if (pattern !== undefined) {
    try {
      const part = readPattern(pattern, useJson(conversion, 'char'), conversion.work);
      if (format !== undefined) conversion.unheld.add('format');
      return { ...part, pattern: part };
    } catch (error) {
      if (known === undefined || !(error instanceof GrammarError) || error.code !== 'unsupported-schema') throw error;
      conversion.unheld.add('pattern');
    }
  }
  if (known !== undefined) return known;
  const name = JSON.stringify(String(format).slice(0, 40));
  throw refuse(where, 'format', `${name} is not known; known are ${Object.keys(FORMATS).join(', ')}`);
}

function addArray(conversion: Conversion, schema: Schema, where: string): string {
  const isTuple = Array.isArray(schema.items);
  const first = (isTuple ? schema.items : (schema.prefixItems ?? [])) as unknown;
  const more = isTuple ? schema.additionalItems : schema.items;
  if (!Array.isArray(first) || first.length > MAX_OPTIONS)
    throw refuse(where, 'prefixItems', `must be a list of at most ${MAX_OPTIONS} schemas`);
  const least = readCount(schema, 'minItems', where) ?? 0;
  const most = readCount(schema, 'maxItems', where) ?? Number.POSITIVE_INFINITY;
  if (most < least) throw refuse(where, 'maxItems', 'is less than minItems');
  if (schema.uniqueItems === true && most > 1)
    throw refuse(where, 'uniqueItems', 'cannot be expressed as a grammar; leave it out');
  const space = useJson(conversion, 'space');
  const fixed = first
    .slice(0, most)
    .map((item: unknown, i) => addSchema(conversion, item, `${where}/prefixItems/${i}`));
  // After named items, more come only if the schema describes them or requires a number of items.
  const isClosed = more === false || (more === undefined && fixed.length > 0 && least <= fixed.length);
  if (isClosed && least > fixed.length)
    throw refuse(where, 'minItems', 'is more than the items that are named, and no others are allowed');
  if (isClosed || most <= fixed.length) {
    return addRule(
      conversion,
      fixed.length === 0 ? `"[" ${space} "]"` : `"[" ${space} ${fixed.join(` "," ${space} `)} ${space} "]"`,
    );
  }
  const item = more === undefined ? useJson(conversion, 'value') : addSchema(conversion, more, `${where}/items`);
  const [low, high] = [Math.max(0, least - fixed.length), most - fixed.length];
  const repeat = (min: number, max: number): string =>
    max === Number.POSITIVE_INFINITY ? `{${min},}` : `{${min},${max}}`;
  const next = `("," ${space} ${item})`;
  if (fixed.length > 0)
    return addRule(conversion, `"[" ${space} ${fixed.join(` "," ${space} `)} ${next}${repeat(low, high)} ${space} "]"`);
  const list = `${item} ${next}${repeat(Math.max(0, low - 1), high - 1)} ${space}`;
  return addRule(conversion, `"[" ${space} ${low === 0 ? `(${list})?` : list} "]"`);
}

function addObject(conversion: Conversion, schema: Schema, where: string): string {
  const { properties = {}, required = [], additionalProperties } = schema;
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties))
    throw refuse(where, 'properties', 'must be an object');
  if (!Array.isArray(required) || required.length > MAX_NAMES || required.some((name) => typeof name !== 'string'))
    throw refuse(where, 'required', `must be a list of at most ${MAX_NAMES} names`);
  const { work } = conversion;
  const more =
    additionalProperties !== false && work.allowsNothing(additionalProperties) ? false : additionalProperties;
  work.charge(required.length);
  const needed = new Set(required as string[]);
  const named = new Map(work.entriesOf(properties));
  if (named.size > MAX_NAMES) throw refuse(where, 'properties', `must name at most ${MAX_NAMES}`);
  for (const name of needed) {
    if (named.has(name)) continue;
    if (more === false)
      throw refuse(where, 'required', `names ${name.slice(0, 60)}, which additionalProperties forbids`);
    named.set(name, more ?? true);
  }
  // If some names are listed, others are written only if the schema requires them.
  const isOpen = more === undefined ? named.size === 0 : more !== false;
  assertCounts(schema, { needed: needed.size, named: named.size, isOpen }, where);
  if (named.size === 0 && (more === undefined || more === true)) return useJson(conversion, 'object');
  const space = useJson(conversion, 'space');
  const pairs = [...named]
    // A name that allows no value can be left out.
    .filter(([name, value]) => needed.has(name) || (value !== false && !work.allowsNothing(value)))
    .map(([name, value]) => ({
      isNeeded: needed.has(name),
      text: `${quote(work.write(name))} ":" ${space} ${addSchema(conversion, value, `${where}/properties/${name.slice(0, 40)}`)}`,
    }));
  let head = '';
  let tail = '';
  if (isOpen) {
    const value = addSchema(conversion, more ?? true, `${where}/additionalProperties`);
    const extra = addRule(conversion, `${addKey(conversion, [...named.keys()], where)} ":" ${space} ${value}`);
    tail = addRule(conversion, `("," ${space} ${extra})*`);
    head = addRule(conversion, `(${extra} ${tail})?`);
  }
  for (const { isNeeded, text } of pairs.reverse()) {
    const pair = addRule(conversion, text);
    head = addRule(conversion, isNeeded ? `${pair} ${tail}` : `${pair} ${tail} | ${head === '' ? '""' : head}`);
    tail = addRule(conversion, isNeeded ? `"," ${space} ${pair} ${tail}` : `("," ${space} ${pair})? ${tail}`);
  }
  return addRule(conversion, `"{" ${space} ${head} ${space} "}"`);
}

function assertCounts(
  schema: Schema,
  { needed, named, isOpen }: { readonly needed: number; readonly named: number; readonly isOpen: boolean },
  where: string,
): void {
  const least = readCount(schema, 'minProperties', where) ?? 0;
  const most = readCount(schema, 'maxProperties', where);
  if (least > needed) throw refuse(where, 'minProperties', 'cannot be expressed unless so many are required');
  if (most !== undefined && (isOpen || most < named))
    throw refuse(where, 'maxProperties', 'cannot be expressed unless fewer are named and no others allowed');
}

/** Adds the rule of a key that differs from these names. */
function addKey(conversion: Conversion, names: readonly string[], where: string): string {
  const { work } = conversion;
  const plain = useJson(conversion, 'plain');
  if (names.length === 0) return addRule(conversion, `"\\"" ${plain}* "\\""`);
  const rule = addOtherTexts(names, { plain, work, where, addRule: (text) => addRule(conversion, text) });
  return addRule(conversion, `"\\"" ${rule} "\\""`);
}

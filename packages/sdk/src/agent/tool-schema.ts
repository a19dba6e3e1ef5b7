import { AgentError } from './agent-error.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Keywords that say nothing about valid values, or that are hints for the model. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...['$schema', '$id', '$comment', 'title', 'description', 'default', 'examples', 'deprecated', 'format'],
]);

/** Returns the fault of a value under a keyword's value; undefined if it has none. */
type CheckKeyword = (said: unknown, value: unknown, where: string, schema: Fields) => string | undefined;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
};

/** Creates the check of a bound on a number that some values have. */
const bound =
  (measure: (value: unknown) => number | undefined, isWithin: (size: number, limit: number) => boolean, what: string) =>
  (limit: unknown, value: unknown, where: string): string | undefined => {
    const size = measure(value);
    return size === undefined || isWithin(size, limit as number) ? undefined : `${where} ${what} ${limit}`;
  };

const atLeast = (size: number, limit: number): boolean => size >= limit;
const atMost = (size: number, limit: number): boolean => size <= limit;
const ofNumber = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
/** Characters as JSON Schema counts them. */
const ofText = (value: unknown): number | undefined => (typeof value === 'string' ? [...value].length : undefined);
const ofList = (value: unknown): number | undefined => (Array.isArray(value) ? value.length : undefined);

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const KEYWORDS: Readonly<Record<string, CheckKeyword>> = {
  type(said, value, where) {
    const named = [said].flat() as string[];
    return named.some((name) => TYPES[name]?.(value)) ? undefined : `${where} is not of type ${named.join(' or ')}`;
  },
  enum: (said, value, where) =>
    (said as unknown[]).some((one) => same(one, value)) ? undefined : `${where} is none of ${JSON.stringify(said)}`,
  const: (said, value, where) => (same(said, value) ? undefined : `${where} is not ${JSON.stringify(said)}`),
  required(said, value, where) {
    const lacking = isObject(value) && (said as string[]).find((name) => !Object.hasOwn(value, name));
    return lacking ? `${where} lacks ${lacking}` : undefined;
  },
  properties(said, value, where) {
    const known = said as Fields;
    if (!isObject(value)) return undefined;
    return first(Object.keys(known), (name) =>
      Object.hasOwn(value, name) ? findFault(known[name], value[name], `${where}.${name}`) : undefined,
    );
  },
  additionalProperties(said, value, where, { properties = {} }) {
    if (!isObject(value)) return undefined;
    const others = Object.keys(value).filter((name) => !Object.hasOwn(properties as Fields, name));
    return first(others, (name) => findFault(said, value[name], `${where}.${name}`));
  },
  items: (said, value, where) =>
    Array.isArray(value) ? first([...value.keys()], (i) => findFault(said, value[i], `${where}[${i}]`)) : undefined,
  anyOf(said, value, where) {
    const faults = (said as unknown[]).map((one) => findFault(one, value, where));
    return faults.includes(undefined) ? undefined : `${where} is none of the allowed forms: ${faults[0]}`;
  },
  allOf: (said, value, where) => first(said as unknown[], (one) => findFault(one, value, where)),
  minimum: bound(ofNumber, atLeast, 'is below'),
  maximum: bound(ofNumber, atMost, 'is above'),
  exclusiveMinimum: bound(ofNumber, (size, limit) => size > limit, 'is not above'),
  exclusiveMaximum: bound(ofNumber, (size, limit) => size < limit, 'is not below'),
  minLength: bound(ofText, atLeast, 'has fewer characters than'),
  maxLength: bound(ofText, atMost, 'has more characters than'),
  minItems: bound(ofList, atLeast, 'has fewer items than'),
  maxItems: bound(ofList, atMost, 'has more items than'),
};

function first<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Returns the first fault of a value under a JSON schema; undefined if it has none. Unknown keywords are not examined: `assertSchema`
 * refuses them. @param where names the value in the fault.
 */
export function findFault(schema: unknown, value: unknown, where: string): string | undefined {
  if (schema === true) return undefined;
  if (!isObject(schema)) return `${where} is not allowed`;
  return first(Object.keys(schema), (keyword) => KEYWORDS[keyword]?.(schema[keyword], value, where, schema));
}

/** Schemas within a schema, by keyword. */
function listInner(keyword: string, said: unknown): readonly unknown[] {
  if (keyword === 'properties') return isObject(said) ? Object.values(said) : [];
  if (keyword === 'anyOf' || keyword === 'allOf') return Array.isArray(said) ? said : [];
  return keyword === 'items' || keyword === 'additionalProperties' ? [said] : [];
}

const isForm: Readonly<Record<string, (said: unknown) => boolean>> = {
  type: (said) => [said].flat().every((name) => typeof name === 'string' && Object.hasOwn(TYPES, name)),
  enum: Array.isArray,
  required: (said) => Array.isArray(said) && said.every((name) => typeof name === 'string'),
  properties: isObject,
  anyOf: Array.isArray,
  allOf: Array.isArray,
};

/** @param tool its name, for the error. @throws AgentError `schema` for a keyword that `findFault` cannot examine. */
export function assertSchema(schema: unknown, tool: string): void {
  if (typeof schema === 'boolean') return;
  if (!isObject(schema)) throw new AgentError('schema', `tool ${tool}: a schema is an object or a boolean`);
  for (const [keyword, said] of Object.entries(schema)) {
    if (ANNOTATIONS.has(keyword)) continue;
    if (!Object.hasOwn(KEYWORDS, keyword))
      throw new AgentError('schema', `tool ${tool}: the keyword ${keyword} is not checked here; leave it out`);
    const isNumeric = /^(?:exclusive|min|max)/.test(keyword);
    if (isNumeric ? typeof said !== 'number' : isForm[keyword]?.(said) === false)
      throw new AgentError('schema', `tool ${tool}: ${keyword} has a value that it cannot have`);
    for (const inner of listInner(keyword, said)) assertSchema(inner, tool);
  }
}

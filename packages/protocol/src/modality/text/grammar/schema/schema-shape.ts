import { isLongNumber } from '../../../../base/json.ts';
import { GrammarError } from '../grammar-error.ts';

export type Schema = Readonly<Record<string, unknown>>;
export type SchemaType = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';

export const TYPES: readonly SchemaType[] = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];

/** Keywords without effect on the valid values. */
const ANNOTATIONS = new Set([
  ...[
    '$schema',
    '$id',
    'id',
    '$comment',
    '$defs',
    'definitions',
    'title',
    'description',
    'default',
    'examples',
    'example',
  ],
  ...['deprecated', 'readOnly', 'writeOnly', 'discriminator', 'contentMediaType', 'contentEncoding'],
]);
/** Keywords by type. If a schema has no type, these imply it. */
export const KEYWORDS_OF: Readonly<Record<'object' | 'array' | 'string' | 'number', readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
  array: ['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems', 'uniqueItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
};
const GENERAL = ['type', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', '$ref', 'nullable'];
/** Keywords that a grammar can express. */
export const SCHEMA_KEYWORDS: ReadonlySet<string> = new Set([...GENERAL, ...Object.values(KEYWORDS_OF).flat()]);

const isSilent = (key: string): boolean => ANNOTATIONS.has(key) || key.startsWith('x-');

/** Whether a schema is `false`, or says no more than `not` of a schema that allows all. */
export function allowsNothing(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value === false;
  const { not } = value as Schema;
  if (not === undefined || !Object.keys(value).every((key) => key === 'not' || isSilent(key))) return false;
  return not === true || (typeof not === 'object' && not !== null && Object.keys(not).every(isSilent));
}

export function refuse(where: string, keyword: string, why: string): GrammarError {
  return new GrammarError('unsupported-schema', `schema at ${where || '/'}: ${keyword} ${why}`);
}

/**
 * Reads the part of a schema that decides which values are valid. @throws GrammarError naming a keyword that cannot be
 * expressed.
 */
export function readSchema(value: unknown, where: string): Schema {
  if (value === true) return {};
  if (allowsNothing(value)) throw refuse(where, value === false ? 'false' : 'not', 'allows no value');
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(where, 'this', 'must be an object or true');
  const entries = Object.entries(value).filter(([key, said]) => !isSilent(key) && said !== undefined);
  const unknown = entries.find(([key]) => !SCHEMA_KEYWORDS.has(key));
  if (unknown !== undefined)
    throw refuse(where, unknown[0].slice(0, 60), 'cannot be expressed as a grammar; leave it out');
  return Object.fromEntries(entries);
}

/** Reads the allowed types of a schema: the named ones, or the one that its keywords imply; undefined for any. */
export function readTypes(schema: Schema, where: string): readonly SchemaType[] | undefined {
  const { type } = schema;
  if (type === undefined) {
    const spoken = (['object', 'array', 'string', 'number'] as const).find((kind) =>
      KEYWORDS_OF[kind].some((keyword) => schema[keyword] !== undefined),
    );
    return spoken === undefined ? undefined : [spoken];
  }
  const named = Array.isArray(type) ? (type as unknown[]) : [type];
  const types = named.length > TYPES.length ? [] : TYPES.filter((known) => named.includes(known));
  if (types.length === 0 || named.some((name) => !TYPES.includes(name as SchemaType)))
    throw refuse(where, 'type', `must be one of ${TYPES.join(', ')}, or a list of them`);
  return types;
}

/** Reads a whole number of at least 0; undefined if the keyword is absent. @throws GrammarError */
export function readCount(schema: Schema, keyword: string, where: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 65_536)
    throw refuse(where, keyword, 'must be a whole number between 0 and 65536');
  return value as number;
}

/** Reads a number; a whole one with all its digits. */
export function readBound(schema: Schema, keyword: string, where: string): bigint | number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (isLongNumber(value)) return BigInt(value.rawJSON);
  if (typeof value !== 'number' || !Number.isFinite(value)) throw refuse(where, keyword, 'must be a number');
  return Number.isInteger(value) ? BigInt(value) : value;
}

export const isOfType = (value: unknown, types: readonly SchemaType[] | undefined): boolean =>
  types === undefined ||
  types.some((type) => {
    if (type === 'null') return value === null;
    if (type === 'array') return Array.isArray(value);
    if (isLongNumber(value)) return type === 'integer' || type === 'number';
    if (type === 'integer') return Number.isInteger(value);
    if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
    return typeof value === type;
  });

import { isOfType, readTypes, refuse, type Schema, type SchemaType } from './schema-shape.ts';

/** Resolves a reference, or returns a schema without one as it is. */
export type Resolve = (schema: unknown, where: string) => Schema;

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Merges two schemas into one that requires both. @throws GrammarError if one schema cannot express that. */
export function mergeSchemas(a: Schema, b: Schema, where: string): Schema {
  const merged: Record<string, unknown> = { ...a };
  for (const [keyword, value] of Object.entries(b)) {
    const before = merged[keyword];
    if (before === undefined || same(before, value)) merged[keyword] = value;
    else if (keyword === 'type') merged.type = mergeTypes(a, b, where);
    else if (keyword === 'required') merged.required = [...new Set([...listOf(before), ...listOf(value)])];
    else if (keyword === 'properties') merged.properties = mergeProperties(before, value);
    else if (keyword === 'enum')
      merged.enum = listOf(before).filter((item) => textsOf(listOf(value)).has(JSON.stringify(item)));
    else if (/^(?:min|exclusiveMin)/.test(keyword)) merged[keyword] = Math.max(Number(before), Number(value));
    else if (/^(?:max|exclusiveMax)/.test(keyword)) merged[keyword] = Math.min(Number(before), Number(value));
    else if (keyword !== 'additionalProperties') throw refuse(where, keyword, 'is said twice, in different ways');
  }
  return closeObject(merged, [a, b], where);
}

/** Closes a merged object. `additionalProperties` applies only to the properties beside it. */
function closeObject(merged: Record<string, unknown>, parts: readonly Schema[], where: string): Schema {
  const properties = fieldsOf(merged.properties);
  for (const part of parts) {
    const others = Object.keys(properties).filter((name) => !Object.hasOwn(fieldsOf(part.properties), name));
    const { additionalProperties: more } = part;
    if (more === undefined || more === true || others.length === 0) continue;
    if (more !== false) throw refuse(where, 'additionalProperties', 'is a schema, and others name properties');
    const needed = others.find((name) => listOf(merged.required).includes(name));
    if (needed !== undefined) throw refuse(where, 'additionalProperties', `forbids ${needed}, which is required`);
    merged.properties = Object.fromEntries(Object.entries(properties).filter(([name]) => !others.includes(name)));
  }
  const [first, second] = parts.map(({ additionalProperties }) => additionalProperties ?? true);
  if (first === false || second === false) merged.additionalProperties = false;
  else if (first !== true && second !== true && !same(first, second))
    throw refuse(where, 'additionalProperties', 'is said twice, in different ways');
  else if (first !== true || second !== true) merged.additionalProperties = first === true ? second : first;
  return merged;
}

function mergeProperties(a: unknown, b: unknown): Schema {
  const merged: Record<string, unknown> = { ...fieldsOf(a) };
  for (const [name, schema] of Object.entries(fieldsOf(b))) {
    const before = merged[name];
    merged[name] = before === undefined || same(before, schema) ? schema : { allOf: [before, schema] };
  }
  return merged;
}

function mergeTypes(a: Schema, b: Schema, where: string): readonly SchemaType[] {
  const [some, others] = [readTypes(a, where) ?? [], readTypes(b, where) ?? []];
  const both = some.flatMap((type): SchemaType[] => {
    if (others.includes(type)) return [type];
    return (type === 'integer' && others.includes('number')) || (type === 'number' && others.includes('integer'))
      ? ['integer']
      : [];
  });
  if (both.length === 0) throw refuse(where, 'type', 'leaves no value');
  return [...new Set(both)];
}

/**
 * Returns whether no value written for `a` is valid for `b`. Written objects have only the properties that their schema names.
 * So a property that `b` requires and `a` does not name separates them.
 */
export function isNever(a: Schema, b: Schema, resolve: Resolve, where: string): boolean {
  const [some, others] = [valuesOf(a), valuesOf(b)];
  if (some !== undefined && others !== undefined) return isApart(some, others);
  const types = readTypes(a, where);
  const allowed = b.type === undefined && others === undefined ? undefined : readTypes(b, where);
  if (some !== undefined && b.type !== undefined) return some.every((value) => !isOfType(value, allowed));
  if (types === undefined) return false;
  if (others !== undefined) return others.every((value) => !isOfType(value, types));
  if (allowed !== undefined && !types.some((type) => allowed.some((other) => overlaps(type, other)))) return true;
  if (!same(types, ['object'])) return false;
  const properties = fieldsOf(a.properties);
  const isClosed = a.additionalProperties === undefined || a.additionalProperties === false;
  return listOf(b.required).some((name) => {
    if (typeof name !== 'string') return false;
    if (!Object.hasOwn(properties, name))
      return isClosed && a.properties !== undefined && !listOf(a.required).includes(name);
    const theirs = fieldsOf(b.properties)[name];
    if (theirs === undefined) return false;
    const at = `${where}/${name}`;
    const mine = valuesOf(resolve(properties[name], at));
    const wanted = valuesOf(resolve(theirs, at));
    return mine !== undefined && wanted !== undefined && isApart(mine, wanted);
  });
}

/** Texts of lists of values. The cache serves many comparisons. */
const texts = new WeakMap<readonly unknown[], ReadonlySet<string>>();

function textsOf(values: readonly unknown[]): ReadonlySet<string> {
  const found = texts.get(values) ?? new Set(values.map((value) => JSON.stringify(value)));
  texts.set(values, found);
  return found;
}

function isApart(some: readonly unknown[], others: readonly unknown[]): boolean {
  const theirs = textsOf(others);
  for (const text of textsOf(some)) if (theirs.has(text)) return false;
  return true;
}

/** Returns all values that a schema lists; undefined if it lists none. */
export const valuesOf = ({ const: only, enum: several }: Schema): readonly unknown[] | undefined =>
  only !== undefined ? [only] : Array.isArray(several) ? several : undefined;

const overlaps = (a: SchemaType, b: SchemaType): boolean =>
  a === b || (a === 'integer' && b === 'number') || (a === 'number' && b === 'integer');

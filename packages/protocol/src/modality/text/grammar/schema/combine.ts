import { isOfType, readTypes, refuse, type Schema, type SchemaType } from './schema-shape.ts';
import type { SchemaWork } from './schema-work.ts';

/** Resolves a reference, or returns a schema without one as it is. */
export type Resolve = (schema: unknown, where: string) => Schema;

/** The work and place of one step. */
interface Step {
  readonly work: SchemaWork;
  readonly where: string;
}

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? value : {}) as Fields;
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Returns a bound of a number or count. An object is none; the reader of the keyword refuses it. */
const boundOf = (value: unknown): number => (typeof value === 'object' ? Number.NaN : Number(value));

/** Merges two schemas into one that requires both. @throws GrammarError if one schema cannot express that. */
export function mergeSchemas(a: Schema, b: Schema, step: Step): Schema {
  const { work, where } = step;
  const merged: Record<string, unknown> = { ...a };
  for (const [keyword, value] of work.entriesOf(b)) {
    const before = merged[keyword];
    if (before === undefined || work.isSame(before, value)) merged[keyword] = value;
    else if (keyword === 'type') merged.type = mergeTypes(a, b, where);
    else if (keyword === 'required') merged.required = mergeRequired(listOf(before), listOf(value), step);
    else if (keyword === 'properties') merged.properties = mergeProperties(before, value, step);
    else if (keyword === 'enum') merged.enum = mergeValues(listOf(before), listOf(value), step);
    else if (/^(?:min|exclusiveMin)/.test(keyword)) merged[keyword] = Math.max(boundOf(before), boundOf(value));
    else if (/^(?:max|exclusiveMax)/.test(keyword)) merged[keyword] = Math.min(boundOf(before), boundOf(value));
    else if (keyword !== 'additionalProperties') throw refuse(where, keyword, 'is said twice, in different ways');
  }
  return closeObject(merged, [a, b], step);
}

function mergeRequired(a: readonly unknown[], b: readonly unknown[], { work }: Step): readonly unknown[] {
  work.charge(a.length + b.length);
  return [...new Set([...a, ...b])];
}

function mergeValues(a: readonly unknown[], b: readonly unknown[], { work }: Step): readonly unknown[] {
  const texts = work.textsOf(b);
  return a.filter((item) => texts.has(work.write(item)));
}

/** Closes a merged object. `additionalProperties` applies only to the properties beside it. */
function closeObject(merged: Record<string, unknown>, parts: readonly Schema[], step: Step): Schema {
  const { work, where } = step;
  const properties = fieldsOf(merged.properties);
  for (const part of parts) {
    const { additionalProperties: more } = part;
    if (more === undefined || more === true) continue;
    const others = new Set(
      work.entriesOf(properties).flatMap(([name]) => (Object.hasOwn(fieldsOf(part.properties), name) ? [] : [name])),
    );
    if (others.size === 0) continue;
    if (more !== false) throw refuse(where, 'additionalProperties', 'is a schema, and others name properties');
    const required = work.itemsOf(listOf(merged.required));
    const needed = [...others].find((name) => required.has(name));
    if (needed !== undefined)
      throw refuse(where, 'additionalProperties', `forbids ${needed.slice(0, 60)}, which is required`);
    merged.properties = Object.fromEntries(Object.entries(properties).filter(([name]) => !others.has(name)));
  }
  const [first, second] = parts.map(({ additionalProperties }) => additionalProperties ?? true);
  if (first === false || second === false) merged.additionalProperties = false;
  else if (first !== true && second !== true && !work.isSame(first, second))
    throw refuse(where, 'additionalProperties', 'is said twice, in different ways');
  else if (first !== true || second !== true) merged.additionalProperties = first === true ? second : first;
  return merged;
}

function mergeProperties(a: unknown, b: unknown, { work }: Step): Schema {
  const merged = new Map(work.entriesOf(fieldsOf(a)));
  for (const [name, schema] of work.entriesOf(fieldsOf(b))) {
    const before = merged.get(name);
    merged.set(name, before === undefined || work.isSame(before, schema) ? schema : { allOf: [before, schema] });
  }
  return Object.fromEntries(merged);
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
export function isNever(a: Schema, b: Schema, resolve: Resolve, { work, where }: Step): boolean {
  const [some, others] = [valuesOf(a), valuesOf(b)];
  if (some !== undefined && others !== undefined) return isApart(some, others, work);
  work.charge((some ?? others ?? []).length + 1);
  const types = readTypes(a, where);
  const allowed = b.type === undefined && others === undefined ? undefined : readTypes(b, where);
  if (some !== undefined && b.type !== undefined) return some.every((value) => !isOfType(value, allowed));
  if (types === undefined) return false;
  if (others !== undefined) return others.every((value) => !isOfType(value, types));
  if (allowed !== undefined && !types.some((type) => allowed.some((other) => overlaps(type, other)))) return true;
  if (types.length !== 1 || types[0] !== 'object') return false;
  const properties = fieldsOf(a.properties);
  const isClosed = a.additionalProperties === undefined || a.additionalProperties === false;
  const required = work.itemsOf(listOf(a.required));
  return listOf(b.required).some((name) => {
    work.charge(1);
    if (typeof name !== 'string') return false;
    if (!Object.hasOwn(properties, name)) return isClosed && a.properties !== undefined && !required.has(name);
    const wished = fieldsOf(b.properties);
    if (!Object.hasOwn(wished, name)) return false;
    const at = `${where}/${name.slice(0, 40)}`;
    const mine = valuesOf(resolve(properties[name], at));
    const wanted = valuesOf(resolve(wished[name], at));
    return mine !== undefined && wanted !== undefined && isApart(mine, wanted, work);
  });
}

function isApart(some: readonly unknown[], others: readonly unknown[], work: SchemaWork): boolean {
  const theirs = work.textsOf(others);
  for (const text of work.textsOf(some)) if (theirs.has(text)) return false;
  return true;
}

/** Returns all values that a schema lists; undefined if it lists none. */
export const valuesOf = ({ const: only, enum: several }: Schema): readonly unknown[] | undefined =>
  only !== undefined ? [only] : Array.isArray(several) ? several : undefined;

const overlaps = (a: SchemaType, b: SchemaType): boolean =>
  a === b || (a === 'integer' && b === 'number') || (a === 'number' && b === 'integer');

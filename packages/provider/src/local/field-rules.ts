import { isAbsent, RequestError } from '@ogong/protocol/modality/text/request/request';

export type Fields = Readonly<Record<string, unknown>>;

/** A field that is refused, with the reason that the client reads. */
export interface FieldRefusal {
  readonly refused: string;
  /** Values that ask for nothing, as client libraries send them. */
  readonly unless?: (value: unknown) => boolean;
}

/**
 * What happens to a field that a client may send. `works`: it has its documented effect. `dropped`: it changes no answer, so it
 * is left out, and the response names it.
 */
export type FieldRule = 'works' | 'dropped' | FieldRefusal;
export type FieldRules = Readonly<Record<string, FieldRule>>;

export interface ReadFields {
  readonly fields: Fields;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
}

/** The response header that names what was left out. */
export const IGNORED_HEADER = 'x-ogong-ignored';

/**
 * Reads an object by its rules. A field that no rule knows is refused: to ignore it could give a wrong answer.
 * @param where names the object in messages, such as `options`.
 * @throws RequestError
 */
export function readFields(value: unknown, rules: FieldRules, where?: string): ReadFields {
  const name = where ?? 'the body';
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RequestError(`${name} must be a JSON object`, where ?? null);
  const fields: Record<string, unknown> = {};
  const dropped: string[] = [];
  for (const [key, given] of Object.entries(value)) {
    if (isAbsent(given)) continue;
    const path = where === undefined ? key : `${where}.${key}`;
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) throw new RequestError(`unknown field ${JSON.stringify(path.slice(0, 100))}`, path);
    if (rule === 'works') fields[key] = given;
    else if (rule === 'dropped') dropped.push(path);
    else if (!rule.unless?.(given)) throw new RequestError(`${path}: ${rule.refused}`, path);
  }
  return { fields, dropped };
}

/** @throws RequestError */
export function readText(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new RequestError(`${key} must be a string`, key);
  return value;
}

/** @throws RequestError */
export function readBoolean(fields: Fields, key: string, fallback: boolean): boolean {
  const value = fields[key];
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw new RequestError(`${key} must be a boolean`, key);
  return value;
}

export const isEmptyText = (value: unknown): boolean => value === '';
export const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
export const isFalse = (value: unknown): boolean => value === false;

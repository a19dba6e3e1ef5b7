import { RequestError } from './request-error.ts';

/** The refusal of a field, with the reason for the client. */
export interface FieldRefusal {
  readonly refused: string;
  /** Neutral values, as client libraries send them. */
  readonly unless?: (value: unknown) => boolean;
}

/** A field that is dropped, with the reason for readers of the tables. */
export interface FieldHint {
  readonly dropped: string;
  /** Values that ask for nothing, so the response does not name the field. */
  readonly unless?: (value: unknown) => boolean;
}

/**
 * The rule for a field that a client may send. A field that changes the meaning of an answer works or is refused.
 * - `works`: it has its documented effect.
 * - `ignored`: it is documented to have no effect on an answer.
 * - `dropped`: it is left out, and the response names it.
 */
export type FieldRule = 'works' | 'ignored' | 'dropped' | FieldHint | FieldRefusal;
export type FieldRules = Readonly<Record<string, FieldRule>>;

/** The key in a table for all fields that it does not name. Without it they are dropped. */
export const OTHERS = '*';

export interface FieldProblem {
  readonly message: string;
  readonly param: string;
  readonly code: 'unsupported_parameter';
}

export interface JudgedFields {
  /** Names of the dropped fields. */
  readonly dropped: readonly string[];
  /** Undefined if nothing is refused. */
  readonly problem: FieldProblem | undefined;
}

/** The longest name of a field in messages and headers, characters. */
const MAX_NAME = 100;

/**
 * Checks an object against its rules. New fields of an API appear before any server knows them, and most are hints. So a field
 * without a rule is dropped and named.
 * @param where names the object in messages, such as `options`; absent for the body itself.
 */
export function judgeFields(
  fields: Readonly<Record<string, unknown>>,
  rules: FieldRules,
  where?: string,
): JudgedFields {
  const dropped: string[] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (isAbsent(value)) continue;
    const param = (where === undefined ? key : `${where}.${key}`).slice(0, MAX_NAME);
    const rule = findRule(rules, key);
    if (rule === 'dropped') dropped.push(param);
    if (typeof rule === 'string' || rule.unless?.(value)) continue;
    if ('dropped' in rule) dropped.push(param);
    else {
      return { dropped, problem: { message: `${param}: ${rule.refused}`, param, code: 'unsupported_parameter' } };
    }
  }
  return { dropped, problem: undefined };
}

function findRule(rules: FieldRules, key: string): FieldRule {
  const named = key !== OTHERS && Object.hasOwn(rules, key) ? rules[key] : undefined;
  return named ?? rules[OTHERS] ?? 'dropped';
}

/** Collects the names of dropped fields over the objects of a request. */
export interface DroppedFields {
  readonly dropped: string[];
}

/** Checks an object against its rules and collects its dropped fields. @throws RequestError for a refused one. */
export function applyRules(
  { dropped }: DroppedFields,
  fields: Readonly<Record<string, unknown>>,
  rules: FieldRules,
  where?: string,
): void {
  const judged = judgeFields(fields, rules, where);
  if (judged.problem) throw new RequestError(judged.problem.message, judged.problem.param, judged.problem.code);
  // One by one: an object may have more fields than a call may have arguments.
  for (const name of judged.dropped) dropped.push(name);
}

/** Returns whether a value counts as absent. OpenAI treats null like an absent field. */
export const isAbsent = (value: unknown): boolean => value === undefined || value === null;

/** Neutral values, for the rules. */
export const isEmptyText = (value: unknown): boolean => value === '';
export const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
export const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
export const isFalse = (value: unknown): boolean => value === false;
export const isTrue = (value: unknown): boolean => value === true;
export const isZero = (value: unknown): boolean => value === 0;
export const isOne = (value: unknown): boolean => value === 1;
/** 0 or -1, as samplers write that they are off. */
export const isOff = (value: unknown): boolean => value === 0 || value === -1;

/** Refuses unknown fields of an object that holds demands: an ignored demand would be a broken promise. @throws RequestError */
export function assertKeys(fields: Readonly<Record<string, unknown>>, known: ReadonlySet<string>, where: string): void {
  const unknown = Object.keys(fields).find((key) => !known.has(key) && !isAbsent(fields[key]));
  if (unknown === undefined) return;
  const param = `${where}.${unknown}`;
  throw new RequestError(`Unrecognized request argument supplied: ${param}`, param, 'unknown_parameter');
}

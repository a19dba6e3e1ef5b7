import { RequestError } from './request-error.ts';

/** The refusal of a field, with the reason for the client. */
export interface FieldRefusal {
  readonly refused: string;
  /** Neutral values, as client libraries send them. */
  readonly unless?: (value: unknown) => boolean;
}

/**
 * The rule for a field that a client may send.
 * - `works`: it has its documented effect.
 * - `ignored`: it is documented to have no effect on an answer.
 * - `dropped`: it is a hint that changes no answer here. It is left out, and the response names it.
 */
export type FieldRule = 'works' | 'ignored' | 'dropped' | FieldRefusal;
export type FieldRules = Readonly<Record<string, FieldRule>>;

export interface FieldProblem {
  readonly message: string;
  readonly param: string;
  readonly code: 'unsupported_parameter' | 'unknown_parameter';
}

export interface JudgedFields {
  /** Names of the dropped fields. */
  readonly dropped: readonly string[];
  /** Undefined if nothing is refused. */
  readonly problem: FieldProblem | undefined;
}

/**
 * Checks an object against its rules. A field without a rule is refused, because ignoring it could give a wrong answer.
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
    const param = where === undefined ? key : `${where}.${key}`;
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) {
      const message = `Unrecognized request argument supplied: ${param.slice(0, 100)}`;
      return { dropped, problem: { message, param, code: 'unknown_parameter' } };
    }
    if (rule === 'dropped') dropped.push(param);
    if (typeof rule !== 'string' && !rule.unless?.(value)) {
      return { dropped, problem: { message: `${param}: ${rule.refused}`, param, code: 'unsupported_parameter' } };
    }
  }
  return { dropped, problem: undefined };
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

/** Refuses unknown fields, because ignoring one could give a wrong answer. @throws RequestError */
export function assertKeys(fields: Readonly<Record<string, unknown>>, known: ReadonlySet<string>, where: string): void {
  const unknown = Object.keys(fields).find((key) => !known.has(key) && !isAbsent(fields[key]));
  if (unknown === undefined) return;
  const param = `${where}.${unknown}`;
  throw new RequestError(`Unrecognized request argument supplied: ${param}`, param, 'unknown_parameter');
}

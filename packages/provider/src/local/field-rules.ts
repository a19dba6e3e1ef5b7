import { type FieldRules, isAbsent, judgeFields } from '@ogong/protocol/modality/shared/field-rules';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';

export type Fields = Readonly<Record<string, unknown>>;

export interface ReadFields {
  readonly fields: Fields;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
}

/**
 * Reads an object by its rules.
 * @param where names the object in messages, such as `options`.
 * @throws RequestError
 */
export function readFields(value: unknown, rules: FieldRules, where?: string): ReadFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RequestError(`${where ?? 'the body'} must be a JSON object`, where ?? null);
  const { dropped, problem } = judgeFields(value as Fields, rules, where);
  if (problem) throw new RequestError(problem.message, problem.param, problem.code);
  const works = Object.entries(value).filter(([key, given]) => !isAbsent(given) && rules[key] === 'works');
  return { fields: Object.fromEntries(works), dropped };
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

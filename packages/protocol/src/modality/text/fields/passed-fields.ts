import type { FieldRules } from '../../shared/field-rules.ts';

/** Fields of a chat that other APIs do not document. Their clients send them, so the chat gets them unchanged. */
export const PASSED = [
  ...['min_p', 'seed', 'presence_penalty', 'frequency_penalty', 'repetition_penalty', 'logit_bias'],
] as const;

export const PASSED_FIELDS: FieldRules = Object.fromEntries(PASSED.map((name) => [name, 'works']));

/** Returns these fields of a request, in the order of the list. */
export const passFields = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(PASSED.map((name) => [name, fields[name]]));

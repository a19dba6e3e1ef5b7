import { EMBEDDING_API_FIELDS } from './embedding/fields.ts';
import type { FieldRules } from './shared/field-rules.ts';
import { TENSOR_API_FIELDS } from './tensor/fields.ts';
import { TEXT_API_FIELDS } from './text/fields/api-fields.ts';
import { TRAJECTORY_API_FIELDS } from './trajectory/fields.ts';

/**
 * The tables that decide about every field of every API, by API and object. Ollama's, which local mode alone serves, are in
 * `provider/src/local/ollama`. docs/reference/fields.md shows all of them.
 */
export const API_FIELDS: Readonly<Record<string, Readonly<Record<string, FieldRules>>>> = {
  ...TEXT_API_FIELDS,
  ...EMBEDDING_API_FIELDS,
  ...TRAJECTORY_API_FIELDS,
  ...TENSOR_API_FIELDS,
};

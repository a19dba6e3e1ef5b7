import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { parse } from 'yaml';
import type { AssertSchema } from './openapi-document.ts';

// Ollama's own description of its API. The repository does not contain it.
const DOCUMENT = new URL('../../../../../shared/vectors/ollama/docs/openapi.yaml', import.meta.url);

/** Why the checks are skipped; undefined if the document is there. */
export const missingOllamaDocument: string | undefined = existsSync(DOCUMENT)
  ? undefined
  : "Ollama's document is absent";

type Schema = Readonly<Record<string, unknown>>;
type Properties = Readonly<Record<string, Schema>>;

/** Fields that are absent if they are empty: thought, tools, images, log-probabilities, another host. */
const OPTIONAL: ReadonlySet<string> = new Set([
  ...['thinking', 'tool_calls', 'images', 'logprobs', 'top_logprobs', 'remote_model', 'remote_host'],
  // The description of a call's function.
  'description',
]);
const OPTIONAL_OF_STATUS: ReadonlySet<string> = new Set(['digest', 'total', 'completed']);

/** Fields of a final line. Earlier lines of a stream, and answers that only load or unload, lack them. */
const OF_EVERY_LINE: ReadonlySet<string> = new Set(['model', 'created_at', 'response', 'message', 'done']);

/** Further fields of answers, from Ollama's source and its clients. */
const UNDOCUMENTED: Readonly<Record<string, readonly string[]>> = {
  ShowResponse: ['modelfile', 'system', 'messages'],
  GenerateStreamEvent: ['logprobs'],
  ChatStreamEvent: ['logprobs', 'done_reason'],
  details: ['parent_model'],
};

/**
 * The document requires no field and forbids none. So each object must have exactly the fields of its schema, except
 * those above.
 */
export function openOllamaDocument(): AssertSchema {
  const { components } = parse(readFileSync(DOCUMENT, 'utf8')) as { components: { schemas: Properties } };
  const schemas = Object.fromEntries(
    Object.entries(components.schemas).map(([name, schema]) => [name, tighten(name, schema)]),
  );
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ components: { schemas } }, 'ollama');
  return (name, value) => {
    const validate = ajv.getSchema(`ollama#/components/schemas/${name}`);
    if (validate === undefined) throw new Error(`Ollama's document has no schema ${name}`);
    validate(value);
    expect(validate.errors ?? [], `${name}: ${JSON.stringify(value).slice(0, 300)}`).toEqual([]);
  };
}

function tighten(name: string, schema: Schema): Schema {
  const { items } = schema as { readonly items?: Schema };
  if (items !== undefined) return { ...schema, items: tighten(name, items) };
  const { properties } = schema as { readonly properties?: Properties };
  if (properties === undefined) return schema;
  const isOptional = (key: string): boolean => {
    if (/StreamEvent$/.test(name)) return !OF_EVERY_LINE.has(key);
    return (name === 'StatusEvent' ? OPTIONAL_OF_STATUS : OPTIONAL).has(key);
  };
  const required = Object.keys(properties).filter((key) => !isOptional(key));
  const tightened = Object.entries(properties).map(([key, property]) => [key, tighten(key, property)]);
  const besides = (UNDOCUMENTED[name] ?? []).map((key) => [key, {}]);
  return {
    ...schema,
    properties: Object.fromEntries([...tightened, ...besides]),
    required,
    additionalProperties: false,
  };
}

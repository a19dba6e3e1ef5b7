import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { parse } from 'yaml';
import type { AssertSchema } from './openapi-document.ts';

// Ollama's own description of its API; it is not part of the repository.
const DOCUMENT = new URL('../../../../../shared/vectors/ollama/docs/openapi.yaml', import.meta.url);

/** Undefined where the document is there. */
export const missingOllamaDocument: string | undefined = existsSync(DOCUMENT)
  ? undefined
  : "Ollama's document is absent";

type Schema = Readonly<Record<string, unknown>>;
type Properties = Readonly<Record<string, Schema>>;

/** Left out where there is nothing to say: no thought, no tool, no image, no log-probabilities, nothing of another host. */
const OPTIONAL: ReadonlySet<string> = new Set([
  ...['thinking', 'tool_calls', 'images', 'logprobs', 'top_logprobs', 'remote_model', 'remote_host'],
  // Of a call: what its function does.
  'description',
]);
const OPTIONAL_OF_STATUS: ReadonlySet<string> = new Set(['digest', 'total', 'completed']);

/** Of the lines of a stream before the last, and of an answer that only loads or unloads. */
const OF_EVERY_LINE: ReadonlySet<string> = new Set(['model', 'created_at', 'response', 'message', 'done']);

/** What Ollama answers besides, as its source and its clients have it. */
const UNDOCUMENTED: Readonly<Record<string, readonly string[]>> = {
  ShowResponse: ['modelfile', 'system', 'messages'],
  GenerateStreamEvent: ['logprobs'],
  ChatStreamEvent: ['logprobs', 'done_reason'],
  details: ['parent_model'],
};

/**
 * The document demands no field and forbids none. So each object has to have all fields of its schema but those above, and no
 * others.
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

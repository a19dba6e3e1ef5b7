import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';

// OpenAI's own description of its API, version 2.3.0. The repository does not contain it.
const DOCUMENT = new URL('../../../../../shared/vectors/openai/openapi.json', import.meta.url);

/** Why the checks are skipped; undefined if the document is there. */
export const missingDocument: string | undefined = existsSync(DOCUMENT) ? undefined : 'the OpenAPI document is absent';

/** Checks JSON against a schema of the document. @throws the differences. */
export type AssertSchema = (name: string, value: unknown) => void;

export function openDocument(): AssertSchema {
  const document = toPlainSchema(JSON.parse(readFileSync(DOCUMENT, 'utf8')));
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema(document as object, 'openapi');
  const events = listEvents(document);
  return (asked, value) => {
    // Reports the error of the one matching event instead of an error for every other event.
    const name = asked === 'ResponseStreamEvent' ? events.get((value as { type: string }).type) : asked;
    const validate = name === undefined ? undefined : ajv.getSchema(`openapi#/components/schemas/${name}`);
    if (validate === undefined)
      throw new Error(`the document has no schema ${asked} for ${JSON.stringify(value).slice(0, 300)}`);
    validate(value);
    expect(validate.errors ?? [], `${name}: ${JSON.stringify(value).slice(0, 300)}`).toEqual([]);
  };
}

/** Names of the schemas of a response's events, by type. */
function listEvents(document: unknown): ReadonlyMap<string, string> {
  const { schemas } = (document as { components: { schemas: Record<string, EventSchema> } }).components;
  return new Map(
    Object.entries(schemas).flatMap(([name, { properties }]) => {
      const type = /^Response.*Event$/.test(name) ? properties?.type?.enum?.[0] : undefined;
      return type === undefined ? [] : [[type, name] as const];
    }),
  );
}

interface EventSchema {
  readonly properties?: { readonly type?: { readonly enum?: readonly string[] } };
}

/** The document says 3.1 and still writes `nullable`, which JSON Schema does not have. */
function toPlainSchema(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(toPlainSchema);
  if (typeof node !== 'object' || node === null) return node;
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, toPlainSchema(value)]),
  );
  return nullable === true ? { anyOf: [rest, { type: 'null' }] } : rest;
}

import { VERSION } from '@ogong/host/version';
import { z } from 'zod';
import {
  ADDITION_BODY,
  BIO_BODY,
  BIO_QUERY,
  CHAT_IMPORT_QUERY,
  EDIT_BODY,
  FILE_IMPORT_QUERY,
  KEY_BODY,
  LIST_QUERY,
  PROFILE_QUERY,
  QUESTION_BODY,
  SEARCH_BODY,
  SOCIAL_IMPORT_QUERY,
  WEBHOOK_BODY,
} from './memory-bodies.ts';
import { MEMORY_ROUTES, type MemoryRouteName } from './memory-routes.ts';

interface RouteDocument {
  readonly summary: string;
  readonly body?: z.ZodType;
  readonly query?: z.ZodObject;
  /** Media type of a body that is a file. */
  readonly upload?: string;
}

const DOCUMENTS: Readonly<Record<MemoryRouteName, RouteDocument>> = {
  document: { summary: 'This document' },
  addition: { summary: 'Store what the messages state that is new and supported', body: ADDITION_BODY },
  search: { summary: 'Find memories by meaning and by words', body: SEARCH_BODY },
  list: { summary: 'Memories, newest first', query: LIST_QUERY },
  userRemoval: { summary: 'Erase all memories of the user' },
  importation: { summary: 'Store a memory of an export', body: z.looseObject({}) },
  question: { summary: 'Answer a question from the memories alone', body: QUESTION_BODY },
  memory: { summary: 'One memory' },
  edit: { summary: 'Change a memory; a new text is a person’s own', body: EDIT_BODY },
  removal: { summary: 'Erase a memory with its history' },
  history: { summary: 'A memory and those that it replaced, newest first' },
  proof: { summary: 'A memory with its vector and the calls that made it' },
  chatImport: { summary: 'Import an export of conversations', query: CHAT_IMPORT_QUERY, upload: 'application/json' },
  socialImport: {
    summary: 'Import posts of an archive',
    query: SOCIAL_IMPORT_QUERY,
    upload: 'application/octet-stream',
  },
  fileImport: { summary: 'Import a text or a PDF', query: FILE_IMPORT_QUERY, upload: 'application/octet-stream' },
  imports: { summary: 'Imports of the user' },
  import: { summary: 'Status of an import' },
  webhook: { summary: 'The webhook' },
  webhookEdit: { summary: 'Set the webhook; its new secret is in the answer alone', body: WEBHOOK_BODY },
  webhookRemoval: { summary: 'Remove the webhook' },
  keys: { summary: 'API keys of the user, without their secrets' },
  keyAddition: { summary: 'Make an API key; its secret is in the answer alone', body: KEY_BODY },
  keyRevocation: { summary: 'Revoke an API key' },
  profile: { summary: 'Bio, categories, insights, traits and counts', query: PROFILE_QUERY },
  bio: { summary: 'The bio', query: BIO_QUERY },
  bioEdit: { summary: 'Write the bio', body: BIO_BODY },
};

/** The API of memories as an OpenAPI 3.1 document, from the schemas that requests are parsed with. */
export function createOpenApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const name of Object.keys(MEMORY_ROUTES) as MemoryRouteName[]) {
    const { method, path } = MEMORY_ROUTES[name];
    const written = path.replace(/:(\w+)/g, '{$1}');
    paths[written] = { ...paths[written], [method.toLowerCase()]: describeRoute(name) };
  }
  const keys = {
    bearer: { type: 'http', scheme: 'bearer' },
    header: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  };
  return {
    openapi: '3.1.0',
    info: { title: 'OGONG memories', version: VERSION },
    components: { securitySchemes: keys },
    security: [{ bearer: [] }, { header: [] }],
    paths,
  };
}

function describeRoute(name: MemoryRouteName): object {
  const { summary, body, query, upload } = DOCUMENTS[name];
  const { path, scope } = MEMORY_ROUTES[name];
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, field]) => ({
    ...{ name: field, in: 'path', required: true, schema: { type: 'string' } },
  }));
  const content = upload === undefined ? body && describeJson(body) : { [upload]: { schema: { type: 'string' } } };
  return {
    ...{ operationId: name, summary, description: `Needs a key with the right to ${scope}.` },
    parameters: [...inPath, ...(query === undefined ? [] : describeQuery(query))],
    ...(content && { requestBody: { required: true, content } }),
    responses: { 200: { description: 'Success' }, default: { description: 'An error in the form of OpenAI’s' } },
  };
}

const describeSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });

const describeJson = (body: z.ZodType) => ({ 'application/json': { schema: describeSchema(body) } });

function describeQuery(query: z.ZodObject): readonly object[] {
  const { properties = {}, required = [] } = describeSchema(query);
  return Object.entries(properties).map(([name, schema]) => ({
    ...{ name, in: 'query', required: required.includes(name), schema },
  }));
}

import { API_FIELDS } from '@ogong/protocol/modality/api-fields';
import { ENDPOINT_INFO, type EndpointName } from '@ogong/protocol/modality/endpoints';
import { OTHERS } from '@ogong/protocol/modality/shared/field-rules';
import { PROVIDER_KEYS } from '@ogong/protocol/modality/shared/preference-fields';
import { SOURCE_KEYS } from '@ogong/protocol/modality/shared/request-fields';
import { SCHEMA_KEYWORDS } from '@ogong/protocol/modality/text/grammar/schema/schema-shape';
import { TEXT_DEMANDS } from '@ogong/protocol/modality/text/request/request';

type Fields = Readonly<Record<string, unknown>>;

/** An object of a sealed request, with the names of its fields and its place in a body. */
export interface SealedObject {
  readonly title: string;
  readonly endpoint: EndpointName;
  readonly fields: readonly string[];
  /** @param own fields of the object. @returns the fields of a body that has it. */
  place(own: Fields): Fields;
}

const FUNCTION = { name: 'find', description: 'finds', parameters: { type: 'object', properties: {} } };
const TOOL = { type: 'function', function: FUNCTION };
const CALLED = { name: 'find', arguments: '{}' };
const CALL = { id: 'call-1', type: 'function', function: CALLED };
const PICTURE = { url: 'https://pictures.example/1.png' };
const NAMED_SCHEMA = { name: 'answer', schema: { type: 'object', properties: {} } };
const SOURCE = { url: 'https://texts.example/1', sha256: '00'.repeat(32) };
const VALUES = { dtype: 'float32', shape: [1, 3], data: [1, 2, 3] };

const ask = (content: unknown): Fields => ({ messages: [{ role: 'user', content }] });
const askCall = (call: Fields): Fields => ({
  messages: [
    { role: 'user', content: 'Once' },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'call-1', content: 'upon' },
  ],
});
const format = (type: string, own: Fields): Fields => ({
  response_format: { type, ...(type === 'json_schema' && { json_schema: NAMED_SCHEMA }), ...own },
});

type Place = (own: Fields) => Fields;

/** Places of the objects whose title names no place. */
const PLACES: Readonly<Record<string, Place>> = {
  'A part of a content': (own) => ask([{ type: 'text', text: 'Once', ...own }]),
  'A part of type `image_url`': (own) => ask([{ type: 'image_url', image_url: PICTURE, ...own }]),
  'The object image_url': (own) => ask([{ type: 'image_url', image_url: { ...PICTURE, ...own } }]),
  'A call of a tool': (own) => askCall({ ...CALL, ...own }),
  'The function of a call': (own) => askCall({ ...CALL, function: { ...CALLED, ...own } }),
  'A tool': (own) => ({ tools: [{ ...TOOL, ...own }] }),
  'The function of a tool': (own) => ({ tools: [{ ...TOOL, function: { ...FUNCTION, ...own } }] }),
  'The object allowed_tools': (own) => ({
    tools: [TOOL],
    tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [TOOL], ...own } },
  }),
  'The object json_schema of response_format': (own) =>
    format('json_schema', { json_schema: { ...NAMED_SCHEMA, ...own } }),
  'The object stream_options': (own) => ({ stream: true, stream_options: own }),
  'A document of /v1/rerank': (own) => ({ documents: [{ text: 'upon', ...own }] }),
  'A tensor of /v1/infer': (own) => ({ inputs: { x: { ...VALUES, ...own } } }),
};

/** Titles that name their place, with its name as the first group. */
const NAMED_PLACES: readonly (readonly [RegExp, (name: string) => Place])[] = [
  [/^POST /, () => (own) => own],
  [
    /^A message of role `(\w+)`$/,
    (role) => (own) => ({
      messages: [{ role, content: 'Once', ...(role === 'tool' && { tool_call_id: 'a' }), ...own }],
    }),
  ],
  [/^response_format of type `(\w+)`$/, (type) => (own) => format(type, own)],
  [/^The object (\w+)$/, (name) => (own) => ({ [name]: own })],
];

/** @throws if the object of a new table has no place here yet. */
function findPlace(title: string): Place {
  const own = PLACES[title];
  if (own !== undefined) return own;
  for (const [pattern, name] of NAMED_PLACES) {
    const found = pattern.exec(title);
    if (found) return name(found[1] ?? '');
  }
  throw new Error(`"${title}" has no place in a request: add it to PLACES`);
}

/** Objects with sets of keys in place of tables. */
const KEYED: readonly SealedObject[] = [
  { title: 'ogong', endpoint: 'chat', fields: [...TEXT_DEMANDS], place: (own) => ({ ogong: own }) },
  {
    ...{ title: 'ogong.providers', endpoint: 'chat', fields: [...PROVIDER_KEYS] },
    place: (own) => ({ ogong: { providers: own } }),
  },
  {
    ...{ title: 'ogong.sources', endpoint: 'chat', fields: [...SOURCE_KEYS] },
    place: (own) => ({ ogong: { sources: [{ ...SOURCE, ...own }] } }),
  },
  {
    ...{ title: 'a schema', endpoint: 'chat', fields: [...SCHEMA_KEYWORDS] },
    place: (own) => format('json_schema', { json_schema: { ...NAMED_SCHEMA, schema: own } }),
  },
  { title: 'inputs', endpoint: 'infer', fields: ['x'], place: (own) => ({ inputs: own }) },
];

/**
 * Lists every object of requests that reach a provider, from the tables of fields. The other tables are of dialects: a gateway turns
 * their requests into chats before it seals them.
 */
export function listSealedObjects(): readonly SealedObject[] {
  const ofTables = Object.values(API_FIELDS).flatMap((tables) => {
    const endpoints = Object.entries(ENDPOINT_INFO).flatMap(([name, { path }]) =>
      Object.hasOwn(tables, `POST ${path}`) ? [{ name: name as EndpointName, path }] : [],
    );
    const [first] = endpoints;
    if (first === undefined) return [];
    return Object.entries(tables).map(([title, rules]): SealedObject => {
      const endpoint = endpoints.find(({ path }) => title.endsWith(` ${path}`))?.name ?? first.name;
      const fields = Object.keys(rules).filter((name) => name !== OTHERS);
      return { title, endpoint, fields, place: findPlace(title) };
    });
  });
  return [...ofTables, ...KEYED];
}

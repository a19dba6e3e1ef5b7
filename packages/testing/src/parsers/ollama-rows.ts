import type { ApiApp, ApiContext } from '@ogong/host/http/api-app';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { type LoadModule, MAX_INPUT, type ParserCall, type ParserRow } from './parser-row.ts';
import { worstBodies, worstJsonBytes } from './worst-inputs.ts';

const HOME = 'provider/src/local/ollama';
const MODEL = { model: 'm', stream: false };

type Handler = (context: ApiContext, call: unknown) => Promise<Response>;
type Make = () => object;

/** Serves one route of Ollama's API to one model. Its engine refuses each prompt, so that the work is that of reading the request. */
async function serveRoute(load: LoadModule, file: string, name: string): Promise<ParserCall> {
  const handler = (await load(file))[name] as unknown as Handler;
  const { createApiApp } = (await load('host/src/http/api-app.ts')) as unknown as { createApiApp: () => ApiApp };
  const { nodeCrypto } = (await load('host/src/crypto/node-crypto.ts')) as { nodeCrypto?: unknown };
  const { createFakeEngine } = (await load('testing/src/engine/fake.ts')) as unknown as { createFakeEngine: Make };
  const fakes = await load('testing/src/engine/fake-embedding.ts');
  const { createFakeEmbeddingEngine } = fakes as unknown as { createFakeEmbeddingEngine: Make };
  const refuse = (): never => {
    throw new TypeError('nothing is computed here');
  };
  const write = { ...createFakeEngine(), tokenizePrompt: async () => [1], generate: refuse };
  const embed = { ...createFakeEmbeddingEngine(), embed: refuse };
  const model = {
    ...{ name: 'm', reference: 'file:/m', sizeBytes: 7, modifiedAtMs: 0, modelRoot: '07'.repeat(32) },
    path: new URL('../../../models/models/stories260K.gguf', import.meta.url).pathname,
  };
  const engine = name.startsWith('embed') ? embed : write;
  const done = async (): Promise<void> => undefined;
  const call = {
    crypto: nodeCrypto,
    clock: { nowMs: () => 0 },
    shelf: { list: async () => [model] },
    library: { name: done, assemble: done, remove: done, pull: done, has: () => false, receive: done },
    loaded: { borrow: async () => ({ engine, loadMs: 0, release: () => undefined }), unload: done, list: () => [] },
    randomBytes: (length: number) => new Uint8Array(length),
  };
  const app = createApiApp();
  app.post('/', (context) => handler(context, call));
  return async (body) => (await app.request('/', { method: 'POST', body })).arrayBuffer();
}

const route = (file: string, name: string, inputs: (size: number) => readonly Uint8Array[]): ParserRow => ({
  ...{ file: `${HOME}/${file}.ts`, name, inputs },
  // Of a conversation the largest bodies show more: its messages refer to each other.
  limit: name === 'chat' ? MAX_INPUT : MAX_INPUT / 4,
  prepare: (load) => serveRoute(load, `${HOME}/${file}.ts`, name),
});

const bodies =
  (base: object, ...fields: readonly string[]) =>
  (size: number): Uint8Array[] =>
    worstBodies({ ...MODEL, ...base }, fields, size);

const SHARED = ['model', 'stream', 'keep_alive', 'options', 'options.stop', 'options.stop.[]', 'options.seed'];
const GENERATED = ['options.num_ctx', 'options.num_predict', 'format', 'think', 'logprobs', 'top_logprobs'];
const MESSAGES = [
  ...['messages', 'messages.[].role', 'messages.[].content', 'messages.[].images', 'messages.[].thinking'],
  ...['messages.[].tool_calls', 'messages.[].tool_calls.[].function', 'messages.[].tool_name'],
  ...['messages.[].tool_calls.[].function.arguments', 'messages.[].tool_call_id'],
];
const FILES = ['files', 'files.a', 'adapters', 'license', 'license.[]', 'parameters', 'parameters.stop', 'system'];

const messages = [{ role: 'user', content: 'x' }];

/** Conversations of many messages, in which tools answer calls: of their own, of no call, and of one message with many calls. */
function talkativeTools(size: number): Uint8Array[] {
  const called = (name: string) => ({ function: { name, arguments: {} } });
  const ask = { role: 'assistant', tool_calls: [called('f')] };
  const answers = [{ role: 'tool' }, { role: 'tool', tool_name: 'g' }, { role: 'tool', tool_call_id: 'c' }];
  const fill = <T>(share: number, one: T): T[] =>
    Array.from({ length: Math.max(1, Math.floor(size / share / (JSON.stringify(one).length + 1))) }, () => one);
  return answers
    .flatMap((answer) => [
      fill(1, ask),
      [...fill(2, ask), ...fill(2, answer)],
      [{ role: 'assistant', tool_calls: fill(2, called('f')) }, ...fill(2, answer)],
    ])
    .map((said) => utf8Encode(JSON.stringify({ ...MODEL, messages: said })));
}

/** The routes of Ollama's API that read a body. They share fields: each is in the row of one route. */
export const OLLAMA_ROWS: readonly ParserRow[] = [
  route('chat', 'chat', (size) => [
    ...bodies({ messages }, ...MESSAGES, 'format', 'tools', 'tools.[].function.parameters')(size),
    ...talkativeTools(size),
  ]),
  route(
    'generate',
    'generate',
    bodies(
      { prompt: 'x' },
      ...SHARED,
      ...GENERATED,
      'prompt',
      'system',
      'suffix',
      'template',
      'raw',
      'images',
      'context',
    ),
  ),
  route('embed', 'embed', bodies({ input: 'x' }, 'input', 'input.[]', 'truncate', 'options')),
  route('embed', 'embeddings', bodies({ prompt: 'x' }, 'prompt')),
  route('show', 'show', worstJsonBytes),
  route('pull', 'pull', bodies({}, 'model', 'name', 'insecure', 'stream')),
  route('create', 'create', bodies({ from: 'm' }, 'from', ...FILES, 'messages', 'messages.[].content')),
  route('manage', 'copy', bodies({ source: 'm' }, 'source', 'destination')),
  route('manage', 'remove', bodies({}, 'model', 'name')),
  route('manage', 'push', bodies({}, 'model', 'username')),
];

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createTextStream } from '@ogong/engine/decode/text/text-stream';
import type { UpstreamKind } from '@ogong/engine/upstream/findings';
import { type ToyToken, writeToken } from './toy-model.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface RecordedOptions {
  readonly kind: UpstreamKind;
  /** Default: `toy`. */
  readonly model?: string;
  /** Bearer token that it requires. */
  readonly key?: string;
  readonly contextSize?: number;
  /** Pause between two tokens. */
  readonly stepMs?: number;
  /** Replaces the answer to a chat or completion, once the server was probed. */
  readonly answer?: (request: Fields, response: ServerResponse) => boolean;
  /** It refuses chats with tools. */
  readonly refusesTools?: boolean;
  /** Speaks HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Changes each event of a stream before it is sent. */
  readonly bend?: (event: Fields) => unknown;
}

export interface RecordedServer {
  readonly address: string;
  /** Bodies of the chats and completions that it received, in order, with their headers. */
  readonly asked: readonly {
    readonly path: string;
    readonly body: Fields;
    /** The body as it came. */
    readonly text: string;
    readonly headers: IncomingMessage['headers'];
  }[];
  close(): Promise<void>;
}

/** Self-description and accepted fields of each kind of server, from its documentation. */
const TRAITS: Readonly<
  Record<
    UpstreamKind,
    {
      readonly pages: (options: {
        readonly model: string;
        readonly contextSize: number;
      }) => Readonly<Record<string, Fields>>;
      readonly row: (contextSize: number) => Fields;
      readonly completions: boolean;
      readonly alternatives: number;
      readonly limit: 'max_tokens' | 'max_completion_tokens';
    }
  >
> = {
  'llama-server': {
    pages: ({ contextSize }) => ({
      '/props': { default_generation_settings: { n_ctx: contextSize }, total_slots: 4, chat_template: '' },
    }),
    row: () => ({ owned_by: 'llamacpp', meta: { n_ctx_train: 131072 } }),
    completions: true,
    alternatives: 20,
    limit: 'max_tokens',
  },
  vllm: {
    pages: () => ({ '/version': { version: '0.11.0' } }),
    row: (contextSize) => ({ owned_by: 'vllm', max_model_len: contextSize }),
    completions: true,
    alternatives: 20,
    limit: 'max_tokens',
  },
  sglang: {
    pages: ({ model }) => ({ '/get_model_info': { model_path: model, is_generation: true } }),
    row: (contextSize) => ({ owned_by: 'sglang', max_model_len: contextSize }),
    completions: true,
    alternatives: 20,
    limit: 'max_tokens',
  },
  ollama: {
    pages: ({ model, contextSize }) => ({
      '/api/version': { version: '0.12.0' },
      '/api/ps': { models: [{ name: model, context_length: contextSize }] },
    }),
    row: () => ({ owned_by: 'library' }),
    completions: true,
    alternatives: 0,
    limit: 'max_tokens',
  },
  openai: {
    pages: () => ({}),
    row: () => ({ owned_by: 'system' }),
    completions: false,
    alternatives: 20,
    limit: 'max_completion_tokens',
  },
};

/** An HTTP server that answers as one of the kinds does. It runs no such software. */
export async function startRecordedServer(options: RecordedOptions): Promise<RecordedServer> {
  const { kind, model = 'toy', key, contextSize = 256, answer } = options;
  const traits = TRAITS[kind];
  const asked: { path: string; body: Fields; text: string; headers: IncomingMessage['headers'] }[] = [];
  const pages = { ...traits.pages({ model, contextSize }), '/v1/models': listModels(model, traits.row(contextSize)) };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void serve(request, response).catch(() => response.destroy());
  };
  const server = options.tls ? createSecureServer(options.tls, listener) : createServer(listener);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`) {
      return refuse(response, 401, `Incorrect API key provided: ${String(request.headers.authorization)}`);
    }
    const page = (pages as Readonly<Record<string, Fields>>)[path];
    if (request.method === 'GET') return page ? sendJson(response, page) : refuse(response, 404, 'not found');
    const isChat = path === '/v1/chat/completions';
    if (!isChat && !(path === '/v1/completions' && traits.completions)) return refuse(response, 404, 'not found');
    const text = await readText(request);
    const body = JSON.parse(text) as Fields;
    asked.push({ path, body, text, headers: request.headers });
    if (answer?.(body, response)) return;
    if (body.tools !== undefined && options.refusesTools) return refuse(response, 400, 'tools are not enabled');
    const other = traits.limit === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
    if (body[traits.limit] === undefined && body[other] !== undefined)
      return refuse(response, 400, `use ${traits.limit}`);
    await write(response, body, isChat, { ...options, traits });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `${options.tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const listModels = (model: string, row: Fields): Fields => ({
  object: 'list',
  data: [{ id: model, object: 'model', created: 1, ...row }],
});

async function readText(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message } }));
}

type Writing = RecordedOptions & { readonly traits: (typeof TRAITS)[UpstreamKind] };

async function write(response: ServerResponse, body: Fields, isChat: boolean, options: Writing): Promise<void> {
  const { kind, model = 'toy', traits, stepMs = 0, bend = (event: Fields) => event } = options;
  const prompt = JSON.stringify(isChat ? body.messages : body.prompt);
  const most = Number(body[isChat ? traits.limit : 'max_tokens'] ?? 16);
  const stops = (Array.isArray(body.stop) ? body.stop : []) as string[];
  const wanted = isChat
    ? body.logprobs === true
      ? Number(body.top_logprobs ?? 0)
      : undefined
    : (body.logprobs as number | undefined);
  const logprobs = traits.alternatives > 0 ? wanted : undefined;
  const head = { id: 'x-1', object: isChat ? 'chat.completion.chunk' : 'text_completion', created: 1, model };
  const tokens: ToyToken[] = [];
  const held = createTextStream(stops);
  let text = '';
  let stop: string | undefined;
  const send = async (event: Fields): Promise<void> => {
    if (response.destroyed) throw new Error('the caller has left');
    if (!response.write(`data: ${JSON.stringify(bend(event))}\n\n`)) await once(response, 'drain');
  };
  const choose = (said: string, finish: string | null, shown: readonly ToyToken[]): Fields => ({
    index: 0,
    ...(isChat ? { delta: said === '' ? {} : { content: said } } : { text: said }),
    logprobs: logprobs === undefined ? null : showLogprobs(shown, logprobs, isChat || kind === 'llama-server', kind),
    ...(kind === 'vllm' && body.return_token_ids === true && { token_ids: shown.map(({ id }) => id) }),
    ...(finish && kind === 'vllm' && { stop_reason: stop ?? null }),
    ...(finish && kind === 'sglang' && { matched_stop: stop ?? null }),
    finish_reason: finish,
  });
  if (body.stream !== true) {
    const echoed = body.echo === true && (kind === 'vllm' || kind === 'sglang') ? 3 : 0;
    const shown = Array.from({ length: echoed + 1 }, (_, i) => writeToken(prompt, 0, i));
    const columns = { token_logprobs: shown.map(({ logprob }, i) => (echoed > 0 && i === 0 ? null : logprob)) };
    const message = isChat ? { message: { role: 'assistant', content: ' one' } } : { text: ' one' };
    const hidden = kind === 'sglang' && body.return_hidden_states === true && { hidden_states: [[0.5, 0.25]] };
    return sendJson(response, { ...head, choices: [{ index: 0, ...message, logprobs: columns, ...hidden }] });
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  if (isChat)
    await send({ ...head, choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] });
  const called = isChat ? listCalls(body) : [];
  if (called.length > 0) {
    for (const delta of [{ content: 'I look.' }, ...called.flatMap((call, i) => cutCall(call, i, kind))])
      await send({ ...head, choices: [{ index: 0, delta, finish_reason: null }] });
    await send({ ...head, choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] });
    if ((body.stream_options as Fields | undefined)?.include_usage === true)
      await send({ ...head, choices: [], usage: { prompt_tokens: 9, completion_tokens: 30, total_tokens: 39 } });
    response.end('data: [DONE]\n\n');
    return;
  }
  while (tokens.length < most && stop === undefined) {
    if (stepMs > 0) await new Promise((resolve) => setTimeout(resolve, stepMs));
    const token = writeToken(prompt, Number(body.seed ?? 0), tokens.length);
    tokens.push(token);
    text += token.text;
    const { text: said, stopped } = held.push(Buffer.from(token.text));
    if (stopped) stop = stops.find((each) => text.includes(each));
    await send({ ...head, choices: [choose(said, null, [token])] });
  }
  await send({ ...head, choices: [choose(held.flush(), stop === undefined ? 'length' : 'stop', [])] });
  if ((body.stream_options as Fields | undefined)?.include_usage === true) {
    const usage = { prompt_tokens: 9, completion_tokens: tokens.length, total_tokens: 9 + tokens.length };
    await send({ ...head, choices: [], usage });
  }
  response.end('data: [DONE]\n\n');
}

/** Arguments of the calls that it makes, with a number that JavaScript would change. */
export const CALL_ARGUMENTS = '{"n": 9007199254740993, "q": "a \\"</tool_call>\\" é"}';

/** Names of the tools that it calls: each that is offered, once; none behind an answer of a tool. */
function listCalls({ tools = [], messages }: Fields): readonly string[] {
  if ((messages as readonly Fields[]).at(-1)?.role === 'tool') return [];
  return (tools as readonly { readonly function: { readonly name: string } }[]).map((tool) => tool.function.name);
}

/** A call in the parts that its kind sends: Ollama sends it whole. */
function cutCall(name: string, index: number, kind: UpstreamKind): readonly Fields[] {
  const start = { index, id: `call_${index}`, type: 'function' };
  const [given, half] = [CALL_ARGUMENTS, 20];
  if (kind === 'ollama') return [{ tool_calls: [{ ...start, function: { name, arguments: given } }] }];
  const parts = [{ ...start, function: { name, arguments: '' } }];
  const rest = [given.slice(0, half), given.slice(half)].map((piece) => ({ index, function: { arguments: piece } }));
  return [...parts, ...rest].map((part) => ({ tool_calls: [part] }));
}

function showLogprobs(tokens: readonly ToyToken[], most: number, asContent: boolean, kind: UpstreamKind): Fields {
  const chance = ({ id, text, logprob }: Pick<ToyToken, 'id' | 'text' | 'logprob'>): Fields => ({
    ...(kind === 'llama-server' && { id }),
    ...{ token: text, logprob, bytes: [...Buffer.from(text)] },
  });
  if (asContent) {
    return {
      content: tokens.map((token) => ({
        ...chance(token),
        top_logprobs: token.alternatives.slice(0, most).map(chance),
      })),
    };
  }
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ alternatives }) =>
      Object.fromEntries(alternatives.slice(0, most).map(({ text, logprob }) => [text, logprob])),
    ),
  };
}
